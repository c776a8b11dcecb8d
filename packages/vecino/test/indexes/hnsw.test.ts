/**
 * Graphs over the rows of every store: what a walk finds has the distances of a scan of that store, bit for bit.
 */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexScalarQuantizer } from '../../src/indexes/scalar-quantizer.ts';
import { SCALAR_TYPES } from '../../src/quantizers/scalar-types.ts';
import { clustered } from '../support/data.ts';

describe.each(SCALAR_TYPES)('IndexHNSW over %s', (store) => {
	it.each(METRICS)('%s: distances are those of a scan', (metric) => {
		for (const d of [1, 7, 8, 15, 16, 17, 33]) {
			const n = 300;
			const x = clustered(n + 9, d, { rank: Math.min(d, 6), seed: d });
			const [rows, queries] = [x.slice(0, n), x.slice(n)];
			using index = new IndexHNSW({ d, metric, M: 8, store });
			using plain = new IndexScalarQuantizer({ d, metric, type: store });
			for (const one of [index, plain]) one.train(rows).add(rows.slice(0, 130)).add(rows.slice(130));
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
		const d = 24;
		const x = clustered(2050, d, { rank: 8 });
		const [rows, queries] = [x.slice(0, 2000), x.slice(2000)];
		using index = new IndexHNSW({ d, M: 12, store });
		index.train(rows).add(rows);
		const [found, scanned] = [index.search(queries, 10, { efSearch: 60 }), index.storage.search(queries, 10)];
		let hits = 0;
		for (let i = 0; i < queries.n; i++) {
			const all = new Set(scanned.labels.subarray(i * 10, i * 10 + 10));
			for (const label of found.labels.subarray(i * 10, i * 10 + 10)) if (all.has(label)) hits++;
		}
		// 16-bit floats and SQ8: 1; SQ4, where many rows have equal codes: 0.99.
		expect(hits / (queries.n * 10)).toBeGreaterThan(0.95);
	});
});
