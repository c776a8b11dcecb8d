/**
 * Numbers and tables for people. Megabytes are 10^6 bytes.
 */

import Table from 'cli-table3';
import type { Interval } from 'vecino';

/** 100,000 */
export function count(n: number): string {
	return n.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

/** 845 B, 12.8 kB, 1.60 MB */
export function bytes(n: number): string {
	const units = ['B', 'kB', 'MB', 'GB', 'TB'];
	let unit = 0;
	let value = n;
	while (value >= 999.5 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	return `${unit === 0 ? value : digits(value)} ${units[unit]}`;
}

/** Milliseconds per query: 0.042, 1.35, 27.0 */
export function millis(ms: number): string {
	return ms < 1 ? ms.toFixed(3) : ms < 10 ? ms.toFixed(2) : ms.toFixed(1);
}

/** 0.8 s, 12 s, 3 min 20 s */
export function seconds(s: number): string {
	if (s < 10) return `${s.toFixed(1)} s`;
	if (s < 100) return `${s.toFixed(0)} s`;
	const whole = Math.round(s);
	return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** A share as 6.2 % */
export function percent(share: number): string {
	const value = share * 100;
	return `${value >= 99.95 ? '100' : value.toFixed(value < 0.995 ? 2 : 1)} %`;
}

/** 16.0x, 128x */
export function times(ratio: number): string {
	return `${digits(ratio)}x`;
}

/** 16.0x smaller, 1.20x larger: what has become of a size. */
export function smaller(ratio: number): string {
	return ratio >= 1 ? `${times(ratio)} smaller` : `${times(1 / ratio)} larger`;
}

/** 0.876 */
export function recall(mean: number): string {
	return mean.toFixed(3);
}

/** 0.876 (0.868 to 0.884) */
export function interval({ mean, low, high }: Interval): string {
	return `${recall(mean)} (${recall(low)} to ${recall(high)})`;
}

/** 0.876 ±0.008 */
export function plusMinus({ mean, low, high }: Interval): string {
	return `${recall(mean)} ±${recall(Math.max(mean - low, high - mean))}`;
}

/** A factor to two digits behind the point, never less than it is: 14.34 */
export function roundUp(value: number): string {
	return String(Math.ceil(value * 100 - 1e-6) / 100);
}

/** A distance: five digits that count. */
export function distance(value: number): string {
	return Number(value.toPrecision(5)).toString();
}

/** '1 query', '12 queries' */
export function plural(n: number, one: string, many: string = `${one}s`): string {
	return `${count(n)} ${n === 1 ? one : many}`;
}

/** Three digits that count. */
function digits(value: number): string {
	return value >= 100 ? count(value) : value.toFixed(value >= 10 ? 1 : 2);
}

const NO_LINES = {
	top: '',
	'top-mid': '',
	'top-left': '',
	'top-right': '',
	bottom: '',
	'bottom-mid': '',
	'bottom-left': '',
	'bottom-right': '',
	left: '',
	'left-mid': '',
	mid: '─',
	'mid-mid': '  ',
	right: '',
	'right-mid': '',
	middle: '  ',
} as const;

/** Columns under a ruled head; the first `left` columns are aligned left, the others right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
	const style = { head: [], border: [], compact: true, 'padding-left': 0, 'padding-right': 0 };
	const colAligns = head.map((_, i) => (i < left ? 'left' : 'right') as 'left' | 'right');
	const drawn = new Table({ head: [...head], chars: NO_LINES, colAligns, style });
	for (const row of rows) drawn.push([...row]);
	return trimLines(drawn.toString());
}

/** Two columns without a head: names and values. */
export function facts(rows: readonly (readonly [name: string, value: string])[]): string {
	const width = Math.max(...rows.map(([name]) => name.length));
	return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}

/** The text with every line moved right. */
export function indent(text: string, by = 2): string {
	return text.replace(/^(?=.)/gm, ' '.repeat(by));
}

function trimLines(text: string): string {
	return text.replace(/[ \t]+$/gm, '');
}
