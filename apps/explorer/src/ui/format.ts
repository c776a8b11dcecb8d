/** Numbers as the page shows them. */

export function count(value: number): string {
	return value.toLocaleString('en-US');
}

/** Three digits that count, no exponent for everyday sizes. */
export function short(value: number): string {
	if (value === 0) return '0';
	const size = Math.abs(value);
	if (size >= 1e7 || size < 1e-3) return value.toExponential(2);
	if (size >= 1000) return count(Math.round(value));
	return String(Number(value.toPrecision(3)));
}

export function percent(share: number): string {
	const value = 100 * share;
	return `${value >= 10 || value === 0 ? Math.round(value) : Number(value.toPrecision(2))} %`;
}

export function bytes(value: number): string {
	if (value < 10_000) return `${short(value)} B`;
	if (value < 1e6) return `${short(value / 1e3)} kB`;
	return value < 1e9 ? `${short(value / 1e6)} MB` : `${short(value / 1e9)} GB`;
}

export function micros(value: number): string {
	return value < 1000 ? `${short(value)} µs` : `${short(value / 1000)} ms`;
}

export function plural(n: number, one: string, many: string = `${one}s`): string {
	return `${count(n)} ${n === 1 ? one : many}`;
}

/** 1st, 2nd, 3rd, 4th, ... */
export function ordinal(n: number): string {
	const tens = n % 100;
	if (tens > 10 && tens < 14) return `${n}th`;
	return `${n}${['th', 'st', 'nd', 'rd'][n % 10] ?? 'th'}`;
}
