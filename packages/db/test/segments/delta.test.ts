import { createEngineSync, type Metric, VecinoError } from 'vecino';
import { describe, expect, test } from 'vitest';
import type { SegmentFiles } from '../../src/segments/contract.ts';
import { LiveIndex } from '../../src/segments/live-index.ts';
import { clustered, GrowingSet, MemoryRows, nearest } from './memory-rows.ts';

const D = 8;
const noFiles = {} as SegmentFiles;

async function opened(rows: MemoryRows, metric: Metric = 'l2', sealRows = 64) {
	const engine = createEngineSync();
	const live = await LiveIndex.open({
		rows,
		files: noFiles,
		metric,
		spec: 'Flat',
		engine,
		readOnly: true,
		thresholds: { sealRows, pieceRows: 50 },
	});
	return { live, engine };
}

function fill(live: LiveIndex, rows: MemoryRows, n: number, seed: number): Float64Array {
	const x = clustered(n, D, seed);
	const rids = rows.insert(x);
	live.add(rids, x);
	return rids;
}

describe('deltas', () => {
	for (const metric of ['l2', 'ip', 'cosine'] as const) {
		test(`${metric}: add, remove, search and range as brute force has it`, async () => {
			const rows = new MemoryRows(D);
			const { live } = await opened(rows, metric);
			fill(live, rows, 300, 1);
			const gone = [3, 77, 150, 151, 300, 4000];
			rows.delete(gone);
			expect(live.remove(gone)).toBe(5);
			expect(live.remove(gone)).toBe(0);
			expect(live.count).toBe(295);
			const q = clustered(5, D, 9);
			for (let i = 0; i < 5; i++) {
				const query = q.slice(i * D, (i + 1) * D);
				const { rids, distances, complete } = live.search(query, 12);
				const truth = nearest(rows.vectors, query, 12, metric);
				expect([...rids]).toEqual(truth.map(({ rid }) => rid));
				for (const [j, { distance }] of truth.entries()) expect(distances[j]).toBeCloseTo(distance, 3);
				expect(complete).toBe(true);
				const radius = (truth[7]!.distance + truth[8]!.distance) / 2;
				const range = live.range(query, radius);
				expect([...range.rids]).toEqual(truth.slice(0, 8).map(({ rid }) => rid));
				expect(range.complete).toBe(true);
				const cut = live.range(query, radius, { maxResults: 3 });
				expect([...cut.rids]).toEqual(truth.slice(0, 3).map(({ rid }) => rid));
				expect(cut.complete).toBe(false);
			}
			expect(live.stats()).toMatchObject({ delta: 295, sealed: 0 });
			await live.close();
		});
	}

	test('filters follow a set and an index that grow', async () => {
		const rows = new MemoryRows(D);
		const { live, engine } = await opened(rows);
		const odd = new GrowingSet([]);
		const put = (n: number, seed: number): void => {
			for (const rid of fill(live, rows, n, seed)) if (rid % 2 === 1) odd.push(rid);
		};
		put(150, 1);
		const query = clustered(1, D, 5);
		for (let round = 0; round < 6; round++) {
			const { rids, complete } = live.search(query, 20, { filter: odd });
			const matching = [...rows.vectors].filter(([rid]) => odd.has(rid));
			expect([...rids]).toEqual(nearest(matching, query, 20, 'l2').map(({ rid }) => rid));
			expect(complete).toBe(true);
			put(37, round + 2);
			const gone = [round * 20 + 1];
			rows.delete(gone);
			live.remove(gone);
		}
		const few = new GrowingSet([7, 9, 160]);
		expect([...live.search(query, 20, { filter: few }).rids].sort((a, b) => a - b)).toEqual([7, 9, 160]);
		for (let i = 0; i < 40; i++) live.search(query, 1, { filter: new GrowingSet([i + 100]) });
		expect(live.search(query, 5, { filter: new GrowingSet([]) })).toMatchObject({ complete: true });
		await live.close();
		expect((engine as unknown as { arena: { allocatedBytes: number } }).arena.allocatedBytes).toBe(0);
	});

	test('a set may know rids before the index has them', async () => {
		const rows = new MemoryRows(D);
		const { live } = await opened(rows);
		const set = new GrowingSet([1, 2, 3, 500]);
		fill(live, rows, 100, 1);
		expect(live.search(clustered(1, D, 5), 10, { filter: set }).rids.length).toBe(3);
		fill(live, rows, 500, 2);
		expect(live.search(clustered(1, D, 5), 10, { filter: set }).rids.length).toBe(4);
		await live.close();
	});

	test('rows that are there are loaded, and refresh takes in what others write', async () => {
		const rows = new MemoryRows(D);
		rows.insert(clustered(333, D));
		rows.delete([5, 6]);
		const { live } = await opened(rows);
		expect(live.count).toBe(331);
		rows.insert(clustered(200, D, 4));
		rows.delete([7, 400]);
		await live.refresh();
		expect(live.count).toBe(529);
		expect(live.search(clustered(1, D, 3), 1000).rids.length).toBe(529);
		await live.close();
	});

	test('vectors come back, and rows that are not there are NaN', async () => {
		const rows = new MemoryRows(D);
		const { live } = await opened(rows);
		fill(live, rows, 100, 1);
		const out = live.reconstruct([100, 5000, 1]);
		expect(out.slice(0, D)).toEqual(rows.vectors.get(100));
		expect(out[D]).toBeNaN();
		expect(out.slice(2 * D)).toEqual(rows.vectors.get(1));
		await live.close();
		await live.close();
	});

	test('misuse is told', async () => {
		const rows = new MemoryRows(D);
		const { live } = await opened(rows);
		expect(() => live.add([1], new Float32Array(3))).toThrow(/1 rids need 8 values, got 3/);
		fill(live, rows, 5, 1);
		expect(() => live.add([5], new Float32Array(D))).toThrow(/rids must ascend, got 5 after 5/);
		await live.close();
		expect(() => live.search(new Float32Array(D), 1)).toThrow(VecinoError);
	});
});
