/**
 * Recall on real vectors and queries, reached by growing, with no parameter given. Skips where the data are absent
 * (VECINO_DATA, else ../shared/data beside the repository); bench/db/recall-growth.ts has all sizes.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exactNeighbors, VectorSet } from 'vecino';
import { readVectors } from 'vecino/node';
import { expect, test } from 'vitest';
import { MemoryFiles } from '../../src/segments/files-memory.ts';
import { LiveIndex } from '../../src/segments/live-index.ts';
import { MemoryRows } from './memory-rows.ts';
import { engine } from './stepped.ts';

const beside = fileURLToPath(new URL('../../../../../shared/data', import.meta.url));
const folder = join(process.env['VECINO_DATA'] ?? beside, 'sift-free-100k');

/** Small enough for a few seconds: flat, then cells for 6,000 rows, which 20,000 rows are put in as well. */
const SIZES = [2000, 6000, 20_000];
const K = 10;

test.skipIf(!existsSync(folder))('sift: recall@10 of real queries is 0.95 at every size', async () => {
	const { data, d } = await readVectors(join(folder, 'base.bvecs'));
	const base = new VectorSet(data, d);
	const queries = await readVectors(join(folder, 'query.bvecs'));
	const rows = new MemoryRows(d);
	const thresholds = { sealRows: 1024, flatRows: 3000, sizedFor: 8, queries: 100 };
	const options = { rows, files: new MemoryFiles(), metric: 'l2', spec: 'auto', engine, thresholds } as const;
	const live = await LiveIndex.open({ ...options, builder: 'slices' });
	const nq = 100;
	for (const n of SIZES) {
		const have = rows.count();
		const x = base.slice(have, n).data;
		live.add(rows.insert(x), x);
		await live.settle();
		const truth = exactNeighbors(base.slice(0, n), queries.data.subarray(0, nq * d), K, { engine });
		let right = 0;
		for (let i = 0; i < nq; i++) {
			const wanted = new Set(truth.labels.subarray(i * K, (i + 1) * K));
			const { rids } = live.search(queries.data.subarray(i * d, (i + 1) * d), K);
			for (const rid of rids) if (wanted.has(rid - 1)) right++;
		}
		expect(right / (nq * K)).toBeGreaterThanOrEqual(0.95);
	}
	expect(live.stats().indexes.length).toBe(1);
	expect(rows.models()[0]!.measured).toContain('nprobe');
	await live.close();
});
