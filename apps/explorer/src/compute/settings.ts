/** The values that sliders step through, for the vectors at hand. */

/** Cells: powers of two, about four vectors to a cell at most. */
export function nlistSteps(n: number): number[] {
	const steps: number[] = [];
	for (let nlist = 2; nlist <= Math.min(4096, Math.max(2, n / 4)); nlist *= 2) steps.push(nlist);
	return steps;
}

/** About the square root of n, which balances the work of finding cells and of reading them. */
export function usualNlist(n: number): number {
	const steps = nlistSteps(n);
	return steps.findLast((nlist) => nlist <= Math.max(2, Math.sqrt(n))) ?? steps[0]!;
}

/** 1, 2, 3, 4, 6, 8, 12, ... nlist. */
export function nprobeSteps(nlist: number): number[] {
	const steps = [1];
	for (let step = 2; step < nlist; step *= 2) {
		steps.push(step);
		if (step * 1.5 < nlist && step > 1) steps.push(step * 1.5);
	}
	if (nlist > 1) steps.push(nlist);
	return steps;
}

/** Sub-vectors: what divides d; some of it where there is much, common numbers (with padding) where there is too little. */
export function mSteps(d: number): number[] {
	const most = Math.min(d, 128);
	const divisors = Array.from({ length: most }, (_, i) => i + 1).filter((m) => d % m === 0);
	if (divisors.length >= 4 || d <= 4) return divisors;
	return [1, 2, 4, 8, 16, 32, 64, 128].filter((m) => m <= most);
}

export const NBITS_STEPS: readonly number[] = [4, 5, 6, 7, 8];
/** Neighbours asked for. */
export const K_STEPS: readonly number[] = [1, 2, 5, 10, 20, 50];
/** 0: no re-ranking. */
export const K_FACTOR_STEPS: readonly number[] = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32];

/** The step nearest to a value. */
export function nearestStep(steps: readonly number[], value: number): number {
	return steps.reduce((best, step) => (Math.abs(step - value) < Math.abs(best - value) ? step : best), steps[0]!);
}
