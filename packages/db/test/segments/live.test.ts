import type { Metric } from 'vecino';
import { describe, expect, test } from 'vitest';
import { MemoryFiles } from '../../src/segments/files-memory.ts';
import type { Thresholds } from '../../src/segments/growth.ts';
import { LiveIndex, type LiveIndexOptions } from '../../src/segments/live-index.ts';
import { clustered, MemoryRows, nearest } from './memory-rows.ts';
import { allocated, engine, Steps } from './stepped.ts';

const D = 16;
const TURNS = process.env['VECINO_SOAK'] === '1' ? 600 : 36;
const TINY: Partial<Thresholds> = {
	sealRows: 64,
	pieceRows: 24,
	removedRows: 16,
	flatRows: 300,
	growth: 3,
	sizedFor: 4,
	maxSegmentRows: 400,
	queries: 20,
};

/** As many cells as there are, so that searches find all that there is to be found. */
const ALL = { nprobe: 1_000_000, kFactor: 1000 };

function random(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
}

interface Setup {
	readonly rows: MemoryRows;
	readonly files: MemoryFiles;
	readonly steps: Steps;
	readonly options: LiveIndexOptions;
}

function setup(spec: string, metric: Metric = 'l2', keeps = true): Setup {
	const rows = new MemoryRows(D, keeps);
	const files = new MemoryFiles();
	const steps = new Steps();
	const options: LiveIndexOptions = {
		rows,
		files,
		metric,
		spec,
		engine,
		thresholds: TINY,
		pause: steps.pause,
		builder: () => steps.builder(),
		backoffMs: [0, 0],
	};
	return { rows, files, steps, options };
}

/** Adds, removes and searches at random, background work stepping in between. */
async function churn(
	{ rows, steps }: Setup,
	live: LiveIndex,
	turns: number,
	seed: number,
	check: (q: Float32Array) => void,
): Promise<void> {
	const next = random(seed);
	for (let turn = 0; turn < turns; turn++) {
		if (next() < 0.75) {
			const x = clustered(1 + Math.floor(next() * 40), D, Math.floor(next() * 1e9));
			live.add(rows.insert(x), x);
		}
		if (next() < 0.5) {
			const all = [...rows.alive];
			const gone = Array.from({ length: 1 + Math.floor(next() * 12) }, () => all[Math.floor(next() * all.length)]!);
			const distinct = [...new Set(gone.filter((rid) => rid !== undefined))];
			rows.delete(distinct);
			expect(live.remove(distinct)).toBeGreaterThanOrEqual(distinct.length);
		}
		for (let i = Math.floor(next() * 6); i > 0; i--) {
			await steps.step(Math.floor(next() * 1000));
			check(clustered(1, D, Math.floor(next() * 1e9)));
		}
	}
}

/** Every live row is found, once, and no other. */
function findsAll(rows: MemoryRows, live: LiveIndex, q: Float32Array): void {
	const { rids, complete } = live.search(q, 5000, ALL);
	expect(rids.length).toBe(rows.alive.size);
	expect(new Set(rids)).toEqual(rows.alive);
	expect(complete).toBe(true);
}

describe('searches while segments are made, moved and merged', () => {
	// "IVF,..." leaves the number of cells to the number of rows: models grow.
	for (const [spec, metric, keeps] of [
		['auto', 'l2', true],
		['auto', 'cosine', false],
		['IVF,SQ8', 'l2', true],
		['IVF,Flat', 'ip', false],
		['Flat', 'ip', true],
		['IVF8,Flat', 'l2', true],
		['SQ8', 'l2', false],
		['IVF8,PQ8x4fsr,Refine(SQ8)', 'l2', true],
		['PCA8,IVF8,SQ8', 'cosine', true],
		['HNSW8', 'l2', true],
	] as const) {
		test(`${spec}, ${metric}${keeps ? '' : ', no originals'}: nothing missing, nothing doubled, nothing dead`, async () => {
			const given = setup(spec, metric, keeps);
			const { rows, steps, options } = given;
			let live = await steps.drain(LiveIndex.open(options));
			await churn(given, live, TURNS, 7, (q) => findsAll(rows, live, q));
			await steps.drain(live.settle());
			findsAll(rows, live, clustered(1, D, 5));
			const { segments, sealed, delta } = live.stats();
			expect(segments).toBeGreaterThan(0);
			expect(sealed + delta).toBe(rows.alive.size);
			expect(rows.segments().length).toBe(segments);
			await steps.drain(live.close());
			expect(allocated()).toBe(0);
			// Again from the files.
			live = await steps.drain(LiveIndex.open(options));
			findsAll(rows, live, clustered(1, D, 6));
			await churn(given, live, TURNS / 2, 8, (q) => findsAll(rows, live, q));
			await steps.drain(live.optimize());
			findsAll(rows, live, clustered(1, D, 5));
			await steps.drain(live.close());
			expect(allocated()).toBe(0);
		});
	}

	test('exact kinds answer as brute force does, at any moment', async () => {
		const given = setup('IVF8,Flat');
		const { rows, steps, options } = given;
		const live = await steps.drain(LiveIndex.open(options));
		await churn(given, live, 60, 3, (q) => {
			const { rids } = live.search(q, 10, ALL);
			expect([...rids]).toEqual(nearest(rows.vectors, q, 10, 'l2').map(({ rid }) => rid));
		});
		await steps.drain(live.close());
	});

	test('flat at first, then a model, then a larger one', async () => {
		const { rows, steps, options, files } = setup('IVF,Flat');
		const live = await steps.drain(LiveIndex.open(options));
		const grow = async (n: number): Promise<void> => {
			const x = clustered(n, D, n);
			live.add(rows.insert(x), x);
			await steps.drain(live.settle());
		};
		await grow(250);
		expect(live.stats()).toMatchObject({ segments: 0, indexes: [] });
		await grow(150);
		expect(live.stats().indexes.length).toBe(1);
		expect(live.stats().sealed).toBeGreaterThan(300);
		const [first] = rows.models();
		const few = live.stats().cells.nlist;
		await grow(2000);
		expect(live.stats().indexes.length).toBe(1);
		expect(rows.models().length).toBe(1);
		expect(rows.models()[0]!.name).not.toBe(first!.name);
		expect(live.stats().cells.nlist).toBeGreaterThan(few);
		expect(rows.models()[0]!.measured).toContain('settings');
		expect(rows.segments().every(({ model }) => model === rows.models()[0]!.name)).toBe(true);
		expect((await files.list()).length).toBe(1 + rows.segments().length);
		findsAll(rows, live, clustered(1, D, 5));
		await steps.drain(live.close());
	});

	for (const keeps of [true, false]) {
		test(`rows that come and go leave nothing behind${keeps ? '' : ', no originals'}`, async () => {
			const { rows, steps, options } = setup('IVF8,SQ8', 'l2', keeps);
			const live = await steps.drain(LiveIndex.open(options));
			const held: number[] = [];
			const replace = (n: number, seed: number): void => {
				const x = clustered(n, D, seed);
				const rids = rows.insert(x);
				live.add(rids, x);
				held.push(...rids);
				// The oldest go, and some of the newest.
				const gone = held.splice(0, Math.max(0, held.length - 500 - (n >> 2)));
				gone.push(...held.splice(held.length - (n >> 2)));
				rows.delete(gone);
				live.remove(gone);
			};
			const rounds = TURNS > 100 ? 2000 : 60;
			/** The most there was in either half of the time. */
			const most = [0, 1].map(() => ({ memory: 0, files: 0, allocated: 0 }));
			let labels = 0;
			for (let round = 0; round < rounds; round++) {
				replace(160, round + 1);
				if (round % 3 !== 0) continue;
				await steps.drain(live.settle());
				const half = most[Math.floor((2 * round) / rounds)]!;
				const { memoryBytes, fileBytes } = live.stats();
				half.memory = Math.max(half.memory, memoryBytes);
				half.files = Math.max(half.files, fileBytes);
				half.allocated = Math.max(half.allocated, allocated());
				labels = Math.max(
					labels,
					rows.segments().reduce((sum, segment) => sum + segment.rows, 0),
				);
			}
			await steps.drain(live.settle());
			const { dead } = live.stats();
			expect(rows.alive.size).toBe(500);
			const [before, after] = most as [(typeof most)[0], (typeof most)[0]];
			expect(after.memory).toBeLessThan(1.3 * before.memory);
			expect(after.files).toBeLessThan(1.3 * before.files);
			expect(after.allocated).toBeLessThan(1.3 * before.allocated);
			expect(labels).toBeLessThan(1500);
			expect(dead).toBeLessThan(250);
			expect(rows.dead.size).toBeLessThan(400);
			findsAll(rows, live, clustered(1, D, 5));
			await steps.drain(live.close());
			expect(allocated()).toBe(0);
		});
	}
});
