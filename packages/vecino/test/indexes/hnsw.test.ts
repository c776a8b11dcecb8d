/**
 * Graphs over the rows of every store: what a walk finds has the distances of a scan of that store, bit for bit.
 */
import { describe, expect, it } from 'vitest';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { SCALAR_TYPES } from '../../src/quantizers/scalar-types.ts';
import { clustered } from '../support/data.ts';

describe.each(SCALAR_TYPES)('IndexHNSW over %s', (store) => {
	it.each(['l2', 'ip'] as const)('%s: distances are those of a scan', (metric) => {
		for (const d of [1, 8, 15, 17]) {
			const n = 100;
			const x = clustered(n + 9, d, { rank: Math.min(d, 6), seed: d });
			const [rows, queries] = [x.slice(0, n), x.slice(n)];
			using index = new IndexHNSW({ d, metric, M: 8, store });
			using plain = new IndexScalarQuantizer({ d, metric, type: store });
			for (const one of [index, plain]) one.train(rows).add(rows.slice(0, 40)).add(rows.slice(40));
			expect(index.codeSize).toBe(plain.codeSize);
			const [found, scanned] = [index.search(queries, 20, { efSearch: n }), plain.search(queries, n)];
			for (let i = 0; i < queries.n; i++) {
				const distanceOf = new Map(scanned.hits(i).map(({ label, distance }) => [label, distance]));
				const hits = found.hits(i);
				expect(hits.map(({ distance }) => distance)).toEqual(hits.map(({ label }) => distanceOf.get(label)));
			}
			// Of one or few dimensions some rows are beyond all ways.
			if (d > 8) expect(found.labels.subarray(0, 20)).toEqual(scanned.labels.subarray(0, 20));
		}
	});

	it('finds most of what a scan finds with few in view', () => {
		const d = 16;
		const x = clustered(530, d, { rank: 8 });
		const [rows, queries] = [x.slice(0, 500), x.slice(500)];
		using index = new IndexHNSW({ d, M: 8, store });
		index.train(rows).add(rows);
		const [found, scanned] = [index.search(queries, 10, { efSearch: 40 }), index.storage.search(queries, 10)];
		let hits = 0;
		for (let i = 0; i < queries.n; i++) {
			const all = new Set(scanned.labels.subarray(i * 10, i * 10 + 10));
			for (const label of found.labels.subarray(i * 10, i * 10 + 10)) if (all.has(label)) hits++;
		}
		// All of it, with every store.
		expect(hits / (queries.n * 10)).toBeGreaterThan(0.97);
	});
});
