/** Numbers and tables as markdown. */

/** A markdown table; the first column to the left, the others to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
	const line = (cells: readonly (string | number)[]): string =>
		`| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
	return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** With three significant digits and thousands separated; a dash for what is not there. */
export function show(value: number | undefined): string {
	if (value === undefined || !Number.isFinite(value)) return '–';
	if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
	return value.toPrecision(3);
}

/** Nanoseconds in microseconds. */
export function micros(ns: number | undefined): string {
	return show(ns === undefined ? undefined : ns / 1000);
}

export function ratio(a: number | undefined, b: number | undefined): string {
	return a === undefined || b === undefined ? '–' : `${(a / b).toFixed(2)}`;
}
