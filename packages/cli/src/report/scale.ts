/**
 * Axes: where they begin and end, where ticks stand, and which pixel a value falls on.
 */

export interface Scale {
	readonly domain: [number, number];
	readonly ticks: number[];
	/** Pixels from the left, or from the top. */
	readonly at: (value: number) => number;
}

/** Logarithmic, with some room at both ends; about `most` ticks at most. */
export function logScale(values: readonly number[], pixels: number, most: number): Scale {
	const low = Math.min(...values) / 1.2;
	const high = Math.max(...values) * 1.2;
	const some = roundNumbers(low, high, [1, 2, 5]);
	const ticks = some.length < 4 ? roundNumbers(low, high, [1, 1.5, 2, 3, 4, 5, 7]) : some;
	const tens = ticks.filter((value) => Math.abs(Math.log10(value) - Math.round(Math.log10(value))) < 1e-9);
	const at = (value: number): number => (pixels * Math.log(value / low)) / Math.log(high / low);
	return { domain: [low, high], ticks: ticks.length > most && tens.length > 1 ? tens : ticks, at };
}

function roundNumbers(low: number, high: number, digits: readonly number[]): number[] {
	const out: number[] = [];
	for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
		for (const digit of digits) out.push(Number(`${digit}e${power}`));
	}
	return out.filter((value) => value >= low && value <= high);
}

/** From a round number below the lowest recall to 1, or to one above the highest where that is far from 1. */
export function recallScale(recalls: readonly number[], pixels: number): Scale & { readonly format: string } {
	const highest = Math.max(...recalls);
	const lowest = Math.min(highest - 0.05, ...recalls);
	const spread = highest - lowest;
	const step = spread > 0.5 ? 0.1 : spread > 0.2 ? 0.05 : spread > 0.08 ? 0.02 : 0.005;
	const low = Math.max(0, Math.floor((lowest - step / 4) / step) * step);
	const high = Math.min(1, Math.ceil((highest + step / 4) / step) * step);
	const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, i) => low + i * step);
	const at = (value: number): number => (pixels * (high - value)) / (high - low);
	return { domain: [low, high], ticks, at, format: step < 0.01 ? '.3f' : '.2f' };
}
