/**
 * Colours and type of a report. Colours are custom properties, so that one page and one set of pictures serve light and
 * dark screens and paper. The palette was checked for contrast (text 4.5 and pictures 3 to the ground) and for
 * the three kinds of colour blindness; where two colours could be taken for each other, shape or a number tells as well.
 */

/** Colours of series, by custom property. */
export const SERIES: readonly string[] = Array.from({ length: 6 }, (_, i) => `var(--s${i})`);
export const INK = 'var(--ink)';
export const SOFT = 'var(--soft)';
export const RULE = 'var(--rule)';
export const PAPER = 'var(--paper)';
export const CELLS = 'var(--s0)';
export const CODES = 'var(--s1)';
export const BAR = 'var(--bar)';

/** Below this width of the window the narrow pictures are shown. */
const NARROW = 720;

const LIGHT =
	'--ink:#1c1e24;--soft:#555b66;--rule:#d9dce2;--paper:#fff;--tint:#f4f5f8;--mark:#0069b4;--bar:#6d8fae;' +
	'--s0:#0069b4;--s1:#d55e00;--s2:#00876c;--s3:#9b3d87;--s4:#3d3d46;--s5:#4596c0';
const DARK =
	'--ink:#e6e8ec;--soft:#a3a9b4;--rule:#383c45;--paper:#15171c;--tint:#1e2128;--mark:#8ab8f0;--bar:#7f9cb8;' +
	'--s0:#5eb3f0;--s1:#f58a4b;--s2:#2fbf95;--s3:#d98cc7;--s4:#c9ccd4;--s5:#3f8fc8';

export const STYLES: string = `
:root{color-scheme:light dark;${LIGHT}}
@media (prefers-color-scheme:dark){:root{${DARK}}}
@media print{:root{color-scheme:light;${LIGHT}}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:2rem 1.25rem 4rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .4rem;overflow-wrap:anywhere}
h2{font-size:1.2rem;line-height:1.3;margin:0 0 .6rem}
p{margin:0 0 .8rem;max-width:68ch}
.lead{font-size:1.05rem;color:var(--soft);margin-bottom:.3rem}
section{border-top:1px solid var(--rule);margin-top:2rem;padding-top:1.5rem}
.split{display:grid;grid-template-columns:minmax(0,1fr) 17rem;gap:1.5rem 2rem;align-items:start}
.split .words{font-size:.94rem}
figure{margin:0;min-width:0}
svg{display:block;max-width:100%;height:auto}
svg text{paint-order:stroke}
.narrow{display:none}
dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.2rem;margin:1rem 0}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--tint);border:1px solid var(--rule);border-radius:6px;padding:.7rem .9rem;margin:.6rem 0 0;font:.88rem/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
pre span{display:inline-block;max-width:100%}
ul.key{display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;list-style:none;margin:0 0 .4rem;padding:0;font-size:.86rem;color:var(--ink)}
ul.key li{display:flex;align-items:center;gap:.4rem}
ul.key svg{flex:none}
.scroll{overflow-x:auto;margin:.4rem 0}
.scroll:focus-visible{outline:2px solid var(--mark);outline-offset:2px}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums}
.caption{color:var(--soft);font-size:.86rem;margin:.8rem 0 .2rem;max-width:none}
th,td{padding:.28rem .6rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--rule)}
thead th{vertical-align:bottom;font-weight:600;white-space:normal}
thead th.group{text-align:center;white-space:nowrap;color:var(--soft);font-weight:400}
td.text,th.text{text-align:left}
td.wrap{white-space:normal;min-width:15rem}
tr.front td,tr.front th{background:var(--tint)}
.soft{color:var(--soft);font-weight:400}
footer{margin-top:2.5rem;color:var(--soft);font-size:.86rem}
@media screen and (max-width:${NARROW}px){
main{padding:1.2rem .9rem 3rem}
.split{grid-template-columns:minmax(0,1fr)}
.wide{display:none}
.narrow{display:block}
dl{grid-template-columns:minmax(0,1fr);gap:0}
dd{margin-bottom:.4rem}
}
@media print{
@page{margin:14mm}
body{font-size:10.5pt}
main{max-width:none;padding:0}
.split{display:block}
.split .words{margin-top:.6rem}
.words p{max-width:none}
.wide{display:block}
.narrow{display:none}
section{break-inside:avoid;margin-top:1.2rem;padding-top:1rem}
@page wide{size:A4 landscape;margin:12mm}
section.long{break-inside:auto;page:wide;border:0}
h2,.caption{break-after:avoid}
tr{break-inside:avoid}
.scroll{overflow:visible}
table{font-size:7.2pt}
th,td{padding:.15rem .28rem}
td.text{white-space:normal;min-width:0}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}
}`.trim();
