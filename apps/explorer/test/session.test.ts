/** What runs in the page's worker, run here: it answers as the engine does when used directly. */
import { createServer } from 'node:http';
import {
	bytesSource,
	defaultEngine,
	encodeBvecs,
	encodeFvecs,
	encodeNpy,
	exactNeighbors,
	explain,
	IndexFlat,
	IndexIDMap,
	indexFactory,
	kmeans,
	recallAtK,
	squaredL2,
	VectorSet,
	writeFaissIndex,
	writeIndex,
} from 'vecino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../src/compute/random.ts';
import { makeSet } from '../src/compute/sets.ts';
import { type QueryPlace, TRAIN_OPTIONS } from '../src/protocol.ts';
import { openData } from '../src/session/data.ts';
import { Session } from '../src/session/session.ts';

const random = new Random(9);
const d = 16;
const centres = Float32Array.from({ length: 20 * d }, () => 4 * random.normal());
const x = new VectorSet(
	Float32Array.from({ length: 3000 * d }, (_, i) => centres[(Math.floor(i / d) % 20) * d + (i % d)]! + random.normal()),
	d,
);
const blob = (...parts: Uint8Array<ArrayBuffer>[]): Blob => new Blob(parts);
const session = new Session(defaultEngine());
const { handlers } = session;
const K = 10;

afterAll(() => session[Symbol.dispose]());

describe('files', () => {
	it.each([
		['x.npy', encodeNpy(x.data, d)],
		['x.fvecs', encodeFvecs(x.data, d)],
	])('reads %s', async (name, bytes) => {
		const info = await handlers.open({ file: blob(bytes), name }, {});
		expect([info.name, info.n, info.total, info.d, info.notes]).toEqual([name, 3000, 3000, d, []]);
		expect(session.data!.x.data).toEqual(x.data);
		expect(info.points).toHaveLength(2 * info.shown.length);
	});

	it('reads .bvecs', async () => {
		const rows = Uint8Array.from({ length: 100 * 4 }, (_, i) => i % 251);
		const info = await handlers.open({ file: blob(encodeBvecs(rows, 4)), name: 'x.bvecs' }, {});
		expect([info.n, info.d]).toEqual([100, 4]);
		expect(Array.from(session.data!.x.row(1))).toEqual([4, 5, 6, 7]);
	});

	it('reads a sample of what does not fit, and says so', async () => {
		const source = bytesSource(encodeFvecs(x.data, d));
		const data = await openData(source, 'x.fvecs', {}, 1000 * d);
		expect([data.x.n, data.total]).toEqual([1000, 3000]);
		expect(data.notes[0]).toMatch(/^Read 1,000 of 3,000 rows, in 64 pieces spread evenly/);
		// The pieces begin where they should: the last one near the end.
		const start = Math.floor((3000 * 63) / 64);
		expect(Array.from(data.x.row(Math.floor((1000 * 63) / 64)))).toEqual(Array.from(x.row(start)));
	});

	it.each([
		['cut.npy', encodeNpy(x.data, d).slice(0, 5000), /cut\.npy: /],
		['cut.fvecs', encodeFvecs(x.data, d).slice(0, 5001), /cut\.fvecs: /],
		['empty.npy', new Uint8Array(0), /empty\.npy: the file is empty/],
		['page.html', new TextEncoder().encode('<!doctype html><p>not found'), /page\.html: an HTML or XML page/],
		['nan.fvecs', encodeFvecs(Float32Array.of(1, Number.NaN, 3, 4), 2), /row 0/],
		['one.fvecs', encodeFvecs(Float32Array.of(1, 2), 2), /one\.fvecs: it holds 1 vectors, and two are the least/],
	])('refuses %s and keeps what was open', async (name, bytes, message) => {
		await handlers.open({ file: blob(encodeFvecs(x.data, d)), name: 'x.fvecs' }, {});
		await expect(handlers.open({ file: blob(bytes), name }, {})).rejects.toThrow(message);
		expect(session.data!.name).toBe('x.fvecs');
	});

	it('refuses a damaged index', async () => {
		using index = new IndexFlat({ d }).add(x);
		const bytes = writeIndex(index);
		bytes[bytes.length - 9]! ^= 1;
		await expect(handlers.open({ file: blob(bytes), name: 'x.vecino' }, {})).rejects.toThrow(
			/checksum|corrupt|damaged/i,
		);
	});

	it.each([true, false])('reads what a server holds, with ranges: %s', async (ranges) => {
		const bytes = encodeNpy(x.data, d);
		let asked = 0;
		const server = createServer((request, response) => {
			asked++;
			const [, from, to] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
			if (request.url !== '/x.npy') response.writeHead(404).end();
			else if (!ranges || from === undefined) response.end(bytes);
			else {
				response.writeHead(206, { 'content-range': `bytes ${from}-${to}/${bytes.length}` });
				response.end(bytes.subarray(Number(from), Number(to) + 1));
			}
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		try {
			const base = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
			const info = await handlers.openUrl({ url: `${base}/x.npy`, name: 'x.npy' }, {});
			expect([info.n, info.d]).toEqual([3000, d]);
			expect(session.data!.x.data).toEqual(x.data);
			expect(asked > 1).toBe(ranges);
			const missing = handlers.openUrl({ url: `${base}/y.npy`, name: 'y.npy' }, {});
			await expect(missing).rejects.toThrow(/y\.npy: the server answered 404/);
		} finally {
			server.closeAllConnections();
			server.close();
		}
	});

	it('stops reading when told to', async () => {
		const controller = new AbortController();
		controller.abort();
		const opening = handlers.open(
			{ file: blob(encodeFvecs(x.data, d)), name: 'x.fvecs' },
			{ signal: controller.signal },
		);
		await expect(opening).rejects.toMatchObject({ code: 'aborted' });
	});
});

describe('an index built on a file', () => {
	const settings = { nlist: 32, m: 4, nbits: 5 };
	const place = (row: number): QueryPlace => {
		const { places } = session.data!;
		return { row, x: places[2 * row]!, y: places[2 * row + 1]! };
	};
	const index = indexFactory(d, 'IVF32,PQ4x5,Refine(Flat)', { pad: true });

	beforeAll(async () => {
		index.train(x, TRAIN_OPTIONS).add(x);
		await handlers.open({ file: blob(encodeNpy(x.data, d)), name: 'x.npy' }, {});
		const info = await handlers.build(settings, {});
		expect([info.spec, info.nlist, info.m, info.nbits, info.canRefine]).toEqual(['IVF32,PQ4x5', 32, 4, 5, true]);
		expect(info.sizes.reduce((a, b) => a + b, 0)).toBe(3000);
		expect(info.bytesRefined - info.bytes).toBeGreaterThanOrEqual(3000 * d * 4);
	});
	afterAll(() => index[Symbol.dispose]());

	it('is the same as one made by hand, to the last byte', () => {
		expect(writeIndex(session.index!)).toEqual(writeIndex(index));
	});

	it.each([1, 3, 32])('finds what the engine finds with nprobe %i', async (nprobe) => {
		for (const row of [0, 17, 2999]) {
			const looked = await handlers.look({ ...place(row), k: K, nprobe, kFactor: 8 }, {});
			const want = index.search(x.row(row), K, { nprobe, kFactor: 8 });
			const truth = exactNeighbors(x, x.row(row), K);
			const found = looked.neighbours.filter(({ position }) => position > 0).sort((a, b) => a.position - b.position);
			expect(found.map(({ label }) => label)).toEqual([...want.labels]);
			const right = looked.neighbours.filter(({ trueRank }) => trueRank > 0);
			expect(right.map(({ label }) => label)).toEqual([...truth.labels]);
			expect(looked.recall).toBeCloseTo(recallAtK(want, truth, K), 9);
			expect(looked.cells).toHaveLength(nprobe);
		}
	});

	it('explains as the engine does', async () => {
		const query = { ...place(5), k: K, nprobe: 1, kFactor: 2 };
		const labels = [...exactNeighbors(x, x.row(5), K).labels];
		const want = explain(index, x.row(5), labels, { k: K, nprobe: 1, kFactor: 2, vectors: x });
		const got = await handlers.explain({ ...query, labels }, {});
		expect(got).toEqual(want.map(({ label, verdict, text }) => ({ label, verdict, text })));
	});

	it('measures recall, work and bytes', async () => {
		const few = await handlers.measure({ k: K, nprobe: 1, kFactor: 0 }, {});
		const all = await handlers.measure({ k: K, nprobe: 32, kFactor: 300 }, {});
		expect(all.recall).toBe(1);
		expect(all.scanned).toBeCloseTo(1, 6);
		expect(few.recall).toBeLessThan(all.recall);
		expect(few.scanned).toBeLessThan(0.2);
		expect(few.queries).toBe(200);
		expect(all.bytesPerVector - few.bytesPerVector).toBeGreaterThanOrEqual(4 * d);
		expect(few.micros).toBeGreaterThan(0);
	});

	it('gives a build up when told to, and keeps the index there was', async () => {
		const controller = new AbortController();
		const before = session.index;
		const building = handlers.build({ nlist: 512, m: 8, nbits: 8 }, { signal: controller.signal });
		setTimeout(() => controller.abort(), 5);
		await expect(building).rejects.toMatchObject({ code: 'aborted' });
		expect(session.index).toBe(before);
		expect((await handlers.look({ ...place(1), k: K, nprobe: 2, kFactor: 0 }, {})).neighbours.length).toBeGreaterThan(
			0,
		);
	});

	it('shows the states of one run of k-means', async () => {
		const { frames } = await handlers.cluster({ k: 12, niter: 25, seed: 3, init: 'random' }, {});
		const objectives = frames.map(({ objective }) => objective);
		expect(objectives).toEqual(objectives.toSorted((a, b) => b - a));
		const niter = frames.length - 1;
		const whole = kmeans(x, 12, { niter, seed: 3, tolerance: 0, maxPointsPerCentroid: x.n });
		expect(frames.at(-1)!.assign).toEqual(whole.assign);
		expect(frames.at(-1)!.objective).toBe(whole.objective);
		expect(frames[0]!.moved).toBe(x.n);
	});

	it('cuts a vector up', async () => {
		const view = await handlers.codes({ m: 4, nbits: 6, row: 8, queryRow: 9 }, {});
		expect([view.d, view.m, view.ksub, view.dsub, view.codeSize]).toEqual([d, 4, 64, 4, 3]);
		view.ids.forEach((id, j) => {
			const centroid = view.codebook.subarray((j * 64 + id) * 4, (j * 64 + id + 1) * 4);
			expect(view.reconstruction.subarray(4 * j, 4 * j + 4)).toEqual(centroid);
		});
		const sum = view.ids.reduce((total, id, j) => total + view.table[j * 64 + id]!, 0);
		expect(view.adc).toBeCloseTo(sum, 3);
		expect(view.adc).toBeCloseTo(squaredL2(view.query, view.reconstruction), 2);
		expect(view.exact).toBe(squaredL2(x.row(9), x.row(8)));
	});
});

describe('an index from a file', () => {
	it.each(['IVF16,Flat', 'IVF16,PQ4x4', 'OPQ4,IVF16,PQ4', 'Flat', 'PQ4', 'IVF16,SQ8,Refine(Flat)', 'HNSW8'])(
		'shows %s as it is',
		async (spec) => {
			using index = indexFactory(d, spec).train(x, { niter: 4 }).add(x);
			const file = blob(writeIndex(index) as Uint8Array<ArrayBuffer>);
			const info = await handlers.open({ file, name: 'x.vecino' }, {});
			expect(info.given!.type).toBe(index.type);
			expect(info.given!.nlist).toBe(spec.includes('IVF') ? 16 : 0);
			expect(info.notes[0]).toContain(index.type);
			const nprobe = 3;
			const { places } = session.data!;
			const looked = await handlers.look({ row: 7, x: places[14]!, y: places[15]!, k: K, nprobe, kFactor: 0 }, {});
			const searched = spec.endsWith('Refine(Flat)') ? (index as unknown as { base: typeof index }).base : index;
			const want = searched.search(session.data!.x.row(7), K, spec.includes('IVF') ? { nprobe } : {});
			const found = looked.neighbours.filter(({ position }) => position > 0).sort((a, b) => a.position - b.position);
			expect(found.map(({ label }) => label)).toEqual([...want.labels]);
			const labels = looked.neighbours.map(({ label }) => label);
			const reasons = await handlers.explain(
				{ row: 7, x: places[14]!, y: places[15]!, k: K, nprobe, kFactor: 0, labels },
				{},
			);
			expect(reasons).toHaveLength(labels.length);
			expect((await handlers.measure({ k: K, nprobe: 16, kFactor: 0 }, {})).recall).toBeGreaterThan(0.2);
		},
	);

	it('opens one that FAISS wrote, with ids of its own', async () => {
		using ivf = indexFactory(d, 'IVF16,Flat').train(x, { niter: 4 });
		using index = new IndexIDMap({ index: ivf });
		const ids = Array.from({ length: x.n }, (_, i) => 1_000_000 - 3 * i);
		index.addWithIds(x, ids);
		const file = blob(writeFaissIndex(index) as Uint8Array<ArrayBuffer>);
		const info = await handlers.open({ file, name: 'x.index' }, {});
		expect(info.given!.nlist).toBe(16);
		expect(info.given!.sizes.reduce((a, b) => a + b, 0)).toBe(x.n);
		const { places, labels } = session.data!;
		const row = labels!.indexOf(ids[40]!);
		const query = { row, x: places[2 * row]!, y: places[2 * row + 1]!, k: K, nprobe: 2, kFactor: 0 };
		const looked = await handlers.look(query, {});
		expect(looked.neighbours[0]!.label).toBe(ids[40]);
		const [reason] = await handlers.explain({ ...query, labels: [ids[40]!] }, {});
		expect(reason!.verdict).toBe('found');
	});
});

describe('built-in sets', () => {
	it('in the plane have the cells of the index exactly', async () => {
		const info = await handlers.make({ set: 'plane' }, {});
		expect(info.exact).toBe(true);
		const built = await handlers.build({ nlist: 64, m: 0, nbits: 8 }, {});
		expect(built.exactCells).toBe(true);
		const points = makeSet('plane');
		// Each vector drawn is nearest to the centroid of its cell.
		for (let i = 0; i < info.shown.length; i += 97) {
			const row = points.row(info.shown[i]!);
			const distances = Array.from({ length: 64 }, (_, c) =>
				squaredL2(row, built.centroids.subarray(2 * c, 2 * c + 2)),
			);
			expect(distances[built.cellOf[i]!]).toBeCloseTo(Math.min(...distances), 3);
		}
	});

	it('says what is missing', () => {
		const fresh = new Session(defaultEngine());
		expect(() => fresh.handlers.measure({ k: 1, nprobe: 1, kFactor: 0 }, {})).toThrow('no vectors are open');
	});
});
