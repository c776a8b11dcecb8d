/**
 * Files written by earlier versions (fixtures/make-golden.ts): they open, answer what they answered, and written again
 * give the same bytes.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Hit } from '../../src/core/result.ts';
import { inspectIndex, readIndex } from '../../src/io/read-index.ts';
import { bytesSource } from '../../src/io/source.ts';
import { writeIndex } from '../../src/io/write-index.ts';

interface Expected {
	/** Of the format, when not 1.0. */
	readonly version?: string;
	readonly type: string;
	readonly d: number;
	readonly metric: string;
	readonly ntotal: number;
	readonly isTrained: boolean;
	readonly queries: readonly number[][];
	/** Nearest first, for each query. */
	readonly hits: readonly Hit[][];
}

const root = new URL('../fixtures/golden/', import.meta.url);
const versions = readdirSync(root);

it('there are golden files of every major version', () => {
	expect(versions).toEqual(['v1']);
});

describe.each(versions)('format %s', (version) => {
	const folder = new URL(`${version}/`, root);
	const expected: Record<string, Expected> = JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8'));
	const names = readdirSync(folder).filter((name) => name.endsWith('.vecino'));

	it('has an expectation for every file', () => {
		expect(names.map((name) => name.replace('.vecino', '')).sort()).toEqual(Object.keys(expected).sort());
	});

	it.each(Object.entries(expected))('%s', async (name, { queries, hits, version: minor = '1.0', ...shape }) => {
		const bytes = new Uint8Array(readFileSync(new URL(`${name}.vecino`, folder)));
		expect(bytes.length).toBeLessThan(20_000);
		const { isTrained: _isTrained, ...header } = shape;
		expect(await inspectIndex(bytesSource(bytes))).toMatchObject({ ...header, version: minor });
		using index = readIndex(bytes);
		const { type, d, metric, ntotal, isTrained } = index;
		expect({ type, d, metric, ntotal, isTrained }).toEqual(shape);
		for (const [i, query] of queries.entries()) {
			const found = index.search(query, 4).hits();
			expect(found.map(({ label }) => label)).toEqual(hits[i]!.map(({ label }) => label));
			for (const [j, { distance }] of found.entries()) expect(distance).toBeCloseTo(hits[i]![j]!.distance, 3);
		}
		expect(writeIndex(index)).toEqual(bytes);
	});
});
