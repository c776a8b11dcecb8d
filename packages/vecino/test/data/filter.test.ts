/**
 * Filters on real vectors: among what matches, a search finds as large a part of the true neighbours as one without a
 * filter does of all, however few match, drawn at random or cell by cell.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
	IDSelectorBitmap,
	type Index,
	IndexFlat,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFRaBitQ,
	IndexRefine,
	recallAtK,
	type VectorSet,
} from '../../src/index.ts';
import { Rng } from '../../src/util/rng.ts';
import { findSet, readSet } from './sets.ts';

const K = 10;
const SHARES = [0.5, 0.05, 0.001];
const SETS = [
	{ name: 'sift-free-100k', extension: 'bvecs', metric: 'l2', nlist: 512 },
	{ name: 'text-lsa-50k', extension: 'fvecs', metric: 'cosine', nlist: 256 },
] as const;

describe.each(SETS)('$name', ({ name, extension, metric, nlist }) => {
	const { title, skip } = findSet(name, { large: true });
	describe.skipIf(skip)(title, () => {
		let base: VectorSet;
		let queries: VectorSet;
		let exact: IndexFlat;
		let ivf: IndexIVFFlat;

		beforeAll(async () => {
			base = await readSet(name, `base.${extension}`);
			queries = (await readSet(name, `query.${extension}`)).slice(0, 500);
			exact = new IndexFlat({ d: base.d, metric });
			exact.add(base);
			ivf = new IndexIVFFlat({ d: base.d, metric, nlist });
			ivf.train(base).add(base);
		}, 120_000);

		afterAll(() => {
			exact?.[Symbol.dispose]();
			ivf?.[Symbol.dispose]();
		});

		/** Vectors drawn one by one, or with all others of their cell. */
		function draw(share: number, cells: Uint32Array | undefined): IDSelectorBitmap {
			const rng = new Rng(41);
			const chosen = Array.from({ length: cells === undefined ? base.n : nlist }, () => rng.float() < share);
			if (!chosen.includes(true)) chosen[17] = true;
			const bits = new Uint8Array(Math.ceil(base.n / 8));
			for (let i = 0; i < base.n; i++) if (chosen[cells === undefined ? i : cells[i]!]) bits[i >> 3]! |= 1 << (i & 7);
			return new IDSelectorBitmap(bits);
		}

		const KINDS: readonly (readonly [string, () => Index])[] = [
			['IVFFlat', () => ivf],
			[
				'IVFPQ, re-ranked',
				() => new IndexRefine({ base: new IndexIVFPQ({ d: base.d, metric, nlist, m: base.d / 8 }) }),
			],
			[
				'IVFPQFastScan, re-ranked',
				() => new IndexRefine({ base: new IndexIVFPQFastScan({ d: base.d, metric, nlist, m: base.d / 4 }) }),
			],
			[
				'IVFRaBitQ, re-ranked',
				() => new IndexRefine({ base: new IndexIVFRaBitQ({ d: base.d, metric, nlist, nbits: 2 }) }),
			],
		];

		it.each(KINDS)('%s', { timeout: 240_000 }, (kind, make) => {
			const index = make();
			try {
				if (index !== ivf) index.train(base).add(base);
				const cells = ivf.assign(base);
				const without = recallAtK(index.search(queries, K), exact.search(queries, K));
				const recorded: string[] = [`without a filter ${without.toFixed(4)}`];
				for (const given of [undefined, cells]) {
					for (const share of SHARES) {
						const filter = draw(share, given);
						const found = index.search(queries, K, { filter });
						const recall = recallAtK(found, exact.search(queries, K, { filter }));
						recorded.push(`${share}${given ? ' of cells' : ''} ${recall.toFixed(4)}`);
						expect(found.complete).toBe(true);
						// 500 queries: a standard error of 0.003.
						expect(recall, `${kind}: ${recorded.join(', ')}`).toBeGreaterThan(without - 0.01);
					}
				}
				if (process.env['VECINO_SHOW']) console.log(`${name}, ${kind}: ${recorded.join(', ')}`);
			} finally {
				if (index !== ivf) index[Symbol.dispose]();
			}
		});
	});
});
