/**
 * A chart as SVG that stands in a page: made by Vega without a browser, then stripped of what only a script would use.
 */

import { None, parse, View } from 'vega';
import { compile, type TopLevelSpec } from 'vega-lite';
import { escapeHtml } from './escape.ts';
import { INK, PAPER, RULE, SOFT } from './theme.ts';

/** Space around the plot, in pixels: fixed, so that places in the plot can be computed beforehand. */
export interface Padding {
	readonly left: number;
	readonly right: number;
	readonly top: number;
	readonly bottom: number;
}

export interface Chart {
	/** A title for those who do not see the picture, and what it shows. */
	readonly title: string;
	readonly desc: string;
	/** Outer size. */
	readonly width: number;
	readonly height: number;
	readonly padding: Padding;
	/** Layers, encodings and data; sizes, padding and style are added. */
	readonly body: Omit<Extract<TopLevelSpec, { layer: unknown }>, '$schema'>;
}

const CONFIG: NonNullable<TopLevelSpec['config']> = {
	font: 'inherit',
	background: 'transparent',
	view: { stroke: null },
	axis: {
		labelFontSize: 12,
		titleFontSize: 12,
		labelColor: SOFT,
		titleColor: INK,
		titleFontWeight: 'normal',
		gridColor: RULE,
		domainColor: SOFT,
		tickColor: SOFT,
		labelFont: 'inherit',
		titleFont: 'inherit',
	},
	text: { font: 'inherit', fontSize: 12, fill: INK },
	point: { stroke: PAPER },
};

/** Draws a chart; `id` must be unique in the page. */
export async function draw(id: string, chart: Chart): Promise<string> {
	const { width, height, padding } = chart;
	const spec: TopLevelSpec = {
		...chart.body,
		autosize: { type: 'none' },
		padding: { ...padding },
		width: width - padding.left - padding.right,
		height: height - padding.top - padding.bottom,
		config: CONFIG,
	};
	const view = new View(parse(compile(spec, { logger: silent }).spec), { renderer: 'none', logLevel: None });
	try {
		return dress(id, chart, await view.toSVG());
	} finally {
		view.finalize();
	}
}

/** Vega warns of what is meant here, such as colours that it cannot read. */
const silent = {
	level: () => silent,
	error: () => silent,
	warn: () => silent,
	info: () => silent,
	debug: () => silent,
} as unknown as NonNullable<NonNullable<Parameters<typeof compile>[1]>['logger']>;

/** The attribute with two digits behind each point. */
function rounded(attribute: string): string {
	return attribute.replace(/\d+\.\d{3,}/g, (number) => String(Math.round(Number(number) * 100) / 100));
}

/** Vega's SVG with title and description, tooltips that need no script, and without what nobody reads. */
function dress(id: string, { title, desc, width, height }: Chart, svg: string): string {
	const inner = svg
		.replace(/^<svg[^>]*>/, '')
		.replace(/<\/svg>$/, '')
		.replace(/<(\w+)([^>]*?) aria-label="([^"]*)"([^>]*?)\/>/g, '<$1$2$4><title>$3</title></$1>')
		.replace(/<(\w+)([^>]*?) aria-label="([^"]*)"([^>]*?)>([^<]+)<\/\1>/g, '<$1$2$4>$5<title>$3</title></$1>')
		.replace(/<path class="(?:foreground|background)"[^>]*?\bd="(?:M0,0h0v0h0Z)?"[^>]*?\/>/g, '')
		.replace(/ (?:aria-\w+|role|class|pointer-events|font-family)="[^"]*"/g, '')
		.replace(/ opacity="1"| stroke-miterlimit="10"| fill-opacity="1"/g, '')
		.replace(/\bid="([^"]*)"/g, `id="${id}-$1"`)
		.replace(/url\(#/g, `url(#${id}-`)
		.replace(/ (?:d|transform|x2?|y2?|width|height)="[^"]*"/g, rounded)
		.replace(/<g><\/g>/g, '');
	const names = `<title id="${id}-t">${escapeHtml(title)}</title><desc id="${id}-d">${escapeHtml(desc)}</desc>`;
	const head = `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="${id}-t" aria-describedby="${id}-d"`;
	return `${head} width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">${names}${inner}</svg>`;
}
