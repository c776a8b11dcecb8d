/**
 * Microseconds of changing an index: a vector removed, replaced, added, one call each, and in calls of a thousand; in
 * indexes of 10,000 and of 100,000 vectors. They must not depend on how many vectors there are.
 *
 *   taskset -c 1 node bench/engine/changes.ts [data folder] [--rounds 7] [--only IVF256,Flat,...]
 *
 * Medians of rounds interleaved over sizes. Everything goes through an IndexIDMap, whose freed rows are used again.
 */
import { parseArgs } from 'node:util';
import {
	type Index,
	IndexFlat,
	IndexIDMap,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFRaBitQ,
	IndexPQFastScan,
	IndexRefine,
	IndexScalarQuantizer,
} from '../../packages/vecino/src/index.ts';
import { show, table } from '../suite/markdown.ts';
import { median } from '../suite/stats.ts';
import { dataFolder, siftData } from './data.ts';

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: { rounds: { type: 'string', default: '7' }, only: { type: 'string' } },
});
const { base } = await siftData(dataFolder(positionals[0]));
const { d } = base;
const SIZES = [10_000, 100_000];
/** Calls of one vector each in a round, and vectors of a call of many. */
const ONE_BY_ONE = 200;
const MANY = 1000;
const nlist = 256;

const KINDS: Readonly<Record<string, () => Index>> = {
	Flat: () => new IndexFlat({ d }),
	SQ8: () => new IndexScalarQuantizer({ d }),
	PQ32x4fs: () => new IndexPQFastScan({ d, m: 32 }),
	'IVF256,Flat': () => new IndexIVFFlat({ d, nlist }),
	'IVF256,PQ16': () => new IndexIVFPQ({ d, nlist, m: 16 }),
	'IVF256,PQ32x4fs': () => new IndexIVFPQFastScan({ d, nlist, m: 32 }),
	'IVF256,RaBitQ': () => new IndexIVFRaBitQ({ d, nlist }),
	'IVF256,PQ16,RFlat': () => new IndexRefine({ base: new IndexIVFPQ({ d, nlist, m: 16 }) }),
};

const ids = (start: number, n: number): number[] => Array.from({ length: n }, (_, i) => start + i);
const micros = (work: () => void, n: number): number => {
	const start = performance.now();
	work();
	return ((performance.now() - start) * 1000) / n;
};

/** One round: what goes comes back in the end. */
function round(index: IndexIDMap, at: number): Record<string, number> {
	const few = ids(at, ONE_BY_ONE);
	const many = ids(at + ONE_BY_ONE, MANY);
	const x = base.slice(at, at + MANY);
	return {
		remove: micros(() => {
			for (const id of few) index.remove(id);
		}, few.length),
		add: micros(() => {
			for (const [i, id] of few.entries()) index.addWithIds(base.row(at + i), [id]);
		}, few.length),
		update: micros(() => {
			for (const [i, id] of few.entries()) index.update(id, base.row(at + i + 50));
		}, few.length),
		'remove 1000': micros(() => index.remove(many), MANY),
		'add 1000': micros(() => index.addWithIds(x, many), MANY),
		'update 1000': micros(() => index.update(many, x), MANY),
	};
}

const lines: (string | number)[][] = [];
let names: string[] = [];
for (const [name, make] of Object.entries(KINDS)) {
	if (values.only !== undefined && !values.only.split(',').some((word) => name.startsWith(word))) continue;
	const indexes = SIZES.map((n) => {
		const index = new IndexIDMap({ index: make() });
		index.train(base, { niter: 4 }).addWithIds(base.slice(0, n), ids(0, n));
		// The table of where labels are is made once, and is no part of a removal.
		const first = micros(() => index.remove(0), 1);
		index.addWithIds(base.row(0), [0]);
		return { n, index, first, took: [] as Record<string, number>[] };
	});
	for (let r = 0; r < Number(values.rounds) + 1; r++) {
		for (const { index, took } of indexes) took.push(round(index, (r * 1307) % 8000));
	}
	for (const { n, index, first, took } of indexes) {
		const warm = took.slice(1);
		names = Object.keys(warm[0]!);
		lines.push([name, n, ...names.map((what) => show(median(warm.map((one) => one[what]!)))), show(first / 1000)]);
		index[Symbol.dispose]();
	}
}
console.log('Microseconds per vector; in the last column milliseconds of the first removal.\n');
console.log(table(['index', 'n', ...names, 'first'], lines));
