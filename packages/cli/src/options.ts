/**
 * Readers of option values. What they refuse ends in one line and exit code 2.
 */

import { existsSync } from 'node:fs';
import { InvalidArgumentError, Option } from 'commander';
import { createEngine, type Metric, setDefaultEngine } from 'vecino';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** An integer in min..max. */
export function integer(min: number, max: number): (text: string) => number {
	return (text) => {
		const value = readNumber(text);
		if (Number.isInteger(value) && value >= min && value <= max) return value;
		throw new InvalidArgumentError(`It must be an integer in ${min}..${max}.`);
	};
}

/** A number in min..max. */
export function number(min: number, max: number): (text: string) => number {
	return (text) => {
		const value = readNumber(text);
		if (value >= min && value <= max) return value;
		throw new InvalidArgumentError(`It must be a number in ${min}..${max}.`);
	};
}

/** One or more integers in min..max, separated by commas. */
export function integers(min: number, max: number): (text: string) => number[] {
	const read = integer(min, max);
	return (text) => [...new Set(text.split(',').map((part) => read(part.trim())))];
}

/** A count or the name of a file: what exists as a file is a file. */
export function countOrFile(max: number): (text: string) => number | string {
	return (text) => (NUMBER.test(text) && !existsSync(text) ? integer(1, max)(text) : text);
}

function readNumber(text: string): number {
	if (!NUMBER.test(text)) throw new InvalidArgumentError('Not a number.');
	return Number(text);
}

export function metricOption(): Option {
	const metrics: Metric[] = ['l2', 'ip', 'cosine'];
	return new Option('--metric <name>', 'distance: l2 (squared Euclidean), ip (inner product) or cosine')
		.choices(metrics)
		.default('l2');
}

export function seedOption(what = 'seed of everything random; the same seed gives the same result'): Option {
	return new Option('--seed <n>', what).default(1234).argParser(integer(0, 2 ** 32 - 1));
}

export function kOption(standard = 10): Option {
	return new Option('-k, --k <n>', 'neighbours per query').default(standard).argParser(integer(1, 65536));
}

export type Threads = number | 'auto';

export function threadsOption(standard: Threads): Option {
	return new Option('--threads <n>', 'threads that compute, or auto: one per core; results do not depend on it')
		.default(standard)
		.argParser((text: string): Threads => (text === 'auto' ? 'auto' : integer(1, 64)(text)));
}

/** Indexes made from now on compute on so many threads. */
export async function useThreads(threads: Threads): Promise<void> {
	if (threads !== 1) setDefaultEngine(await createEngine({ threads }));
}
