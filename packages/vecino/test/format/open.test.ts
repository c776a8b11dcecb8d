/** Writing while others work, reading from sources of ranges, and looking at headers. */
import { describe, expect, it } from 'vitest';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { inspectIndex, openIndex, readIndex } from '../../src/io/read-index.ts';
import { bytesSource, type RangeSource } from '../../src/io/source.ts';
import { indexChunks, writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const base = clustered(300, D);

describe('writing and changing at the same time', () => {
	it('holds the index and those inside it off, until done or given up', () => {
		using index = new IndexIDMap({ index: new IndexRefine({ base: new IndexFlat({ d: 2 }) }) });
		index.add([[1, 2]]);
		const refine = index.index as IndexRefine;
		const chunks = indexChunks(index);
		chunks.next();
		for (const each of [index, refine, refine.base, refine.refine]) {
			expect(() => each.add([[3, 4]])).toThrow(expect.objectContaining({ code: 'busy' }));
			expect(() => each[Symbol.dispose]()).toThrow(expect.objectContaining({ code: 'busy' }));
		}
		expect(index.search([1, 2], 1).labels).toEqual(Float64Array.of(0));
		chunks.return();
		index.add([[3, 4]]);
		expect(index.ntotal).toBe(2);
	});

	it('waits for nobody: busy while an add is under way', async () => {
		using index = new IndexFlat({ d: 2 });
		const adding = index.addAsync(new Float32Array(20_000), { sliceMs: 0 });
		expect(() => writeIndex(index)).toThrow(expect.objectContaining({ code: 'busy' }));
		expect(() => indexChunks(index).next()).toThrow(expect.objectContaining({ code: 'busy' }));
		await adding;
		expect(writeIndex(index).length).toBeGreaterThan(80_000);
	});

	it('refuses what is disposed, out of step, or no index', () => {
		const disposed = new IndexFlat({ d: 2 });
		disposed[Symbol.dispose]();
		expect(() => writeIndex(disposed)).toThrow(expect.objectContaining({ code: 'disposed' }));
		expect(() => indexChunks(disposed)).toThrow(expect.objectContaining({ code: 'disposed' }));
		expect(() => writeIndex({} as Index)).toThrow(TypeError);
		using refine = new IndexRefine({ base: new IndexFlat({ d: 2 }) });
		refine.base.add([[1, 2]]);
		expect(() => writeIndex(refine)).toThrow(/IndexRefine: the index inside was changed behind its back/);
		using map = new IndexIDMap({ index: new IndexFlat({ d: 2 }) });
		map.index.add([[1, 2]]);
		expect(() => writeIndex(map)).toThrow(expect.objectContaining({ code: 'unsupported' }));
	});
});

describe('openIndex', () => {
	/** Records what is read, and gives Buffers at odd offsets, as some sources do. */
	function recording(bytes: Uint8Array): RangeSource & { ranges: [offset: number, length: number][] } {
		const ranges: [number, number][] = [];
		return {
			byteLength: bytes.length,
			ranges,
			read: async (offset, length) => {
				ranges.push([offset, length]);
				const odd = Buffer.alloc(length + 1);
				odd.set(bytes.subarray(offset, offset + length), 1);
				return odd.subarray(1);
			},
		};
	}

	it.each([
		['IndexFlat', () => new IndexFlat({ d: 64 })],
		['a list that many reads are needed for', () => new IndexIVFFlat({ d: 64, nlist: 1 })],
		['lists across the ends of reads', () => new IndexIVFFlat({ d: 64, nlist: 37 })],
	])('reads each byte once, in order, in parts of at most 4 MiB: %s', async (_name, make) => {
		const x = clustered(40_000, 64, { rank: 1 });
		using index = make();
		index.train(x, { niter: 1, maxPointsPerCentroid: 40 }).add(x);
		const bytes = writeIndex(index);
		const source = recording(bytes);
		const progress: number[] = [];
		using again = await openIndex(source, { onProgress: ({ done }) => progress.push(done) });
		expect(Buffer.compare(writeIndex(again), bytes)).toBe(0);
		const [first, ...rest] = source.ranges;
		expect(first).toEqual([0, 4096]);
		let at = Math.min(...rest.map(([offset]) => offset));
		for (const [offset, length] of rest) {
			expect(offset).toBe(at);
			expect(length).toBeLessThanOrEqual(4 * 2 ** 20);
			at += length;
		}
		expect(at).toBe(bytes.length);
		expect(progress.at(-1)).toBe(bytes.length);
		expect([...progress].sort((a, b) => a - b)).toEqual(progress);
	});

	it('gives what readIndex gives, for every kind', async () => {
		for (const kind of KINDS) {
			using index = kind.make(D, 'l2');
			index.train(base, { niter: 3 }).add(base);
			const bytes = writeIndex(index);
			using opened = await openIndex(recording(bytes));
			expect(writeIndex(opened)).toEqual(bytes);
		}
	});

	it('takes an engine', async () => {
		using index = new IndexFlat({ d: 2 });
		index.add([[1, 2]]);
		const engine = createEngineSync({ kernels: 'reference' });
		using again = await openIndex(bytesSource(writeIndex(index)), { engine });
		expect(engine.arena.allocatedBytes).toBe(64);
		expect(again.search([1, 2], 1).hits()).toEqual([{ label: 0, distance: 0 }]);
	});

	it('stops when told to, and passes errors of the source on; nothing stays behind', async () => {
		using index = new IndexIVFPQ({ d: D, m: 4, nlist: 8 });
		index.train(base, { niter: 3 }).add(base);
		const bytes = writeIndex(index);
		const engine = createEngineSync();
		// The header and four sections.
		for (let reads = 0; reads < 5; reads++) {
			const abort = new AbortController();
			const source = recording(bytes);
			const read: RangeSource['read'] = async (offset, length) => {
				if (source.ranges.length === reads) abort.abort();
				return source.read(offset, length);
			};
			const opening = openIndex({ byteLength: bytes.length, read }, { engine, signal: abort.signal });
			await expect(opening).rejects.toMatchObject({ code: 'aborted' });
			let left = reads;
			const failing: RangeSource['read'] = async (offset, length) => {
				if (left-- === 0) throw new Error('offline');
				return source.read(offset, length);
			};
			await expect(openIndex({ byteLength: bytes.length, read: failing }, { engine })).rejects.toThrow('offline');
			expect(engine.arena.allocatedBytes).toBe(0);
		}
		const abort = new AbortController();
		const fetching: RangeSource['read'] = async (_offset, _length, options) => {
			abort.abort();
			options?.signal?.throwIfAborted();
			return bytes;
		};
		const opening = openIndex({ byteLength: bytes.length, read: fetching }, { signal: abort.signal });
		await expect(opening).rejects.toMatchObject({ name: 'VecinoError', code: 'aborted' });
		const short: RangeSource = { byteLength: bytes.length, read: async (_, length) => new Uint8Array(length - 1) };
		await expect(openIndex(short)).rejects.toMatchObject({ code: 'storage', offset: 0, expected: 4096 });
		const wrong = { byteLength: -1 } as RangeSource;
		await expect(openIndex(wrong)).rejects.toThrow(TypeError);
		await expect(inspectIndex(wrong)).rejects.toThrow(TypeError);
		await expect(openIndex(short, { verfy: true } as object)).rejects.toThrow(/unknown option "verfy"/);
		expect(() => readIndex('x' as never)).toThrow(TypeError);
		expect(() => readIndex(bytes, { verify: 1 as never })).toThrow(TypeError);
	});
});

describe('inspectIndex', () => {
	it('tells what is in a file without reading it', async () => {
		using index = new IndexRefine({ base: new IndexIVFPQ({ d: D, m: 4, nlist: 8, nbits: 4 }) });
		index.train(base, { niter: 3 }).add(base);
		const bytes = writeIndex(index);
		const source: RangeSource = {
			byteLength: bytes.length,
			read: async (offset, length) => {
				expect(offset + length).toBeLessThanOrEqual(4096);
				return bytes.subarray(offset, offset + length);
			},
		};
		const info = await inspectIndex(source);
		expect(info).toMatchObject({ type: 'IndexRefine', d: D, metric: 'l2', ntotal: 300, version: '1.2' });
		expect(info.byteLength).toBe(bytes.length);
		expect(info.header).toMatchObject({ kFactor: 10, base: { type: 'IndexIVFPQ', nlist: 8 } });
		expect(info.sections.map(({ name }) => name)).toEqual([
			'base.centroids',
			'base.codebook',
			'base.directory',
			'base.lists',
			'refine.codes',
		]);
		expect(info.sections.slice(0, 3).map(({ byteLength }) => byteLength)).toEqual([8 * D * 4, 16 * D * 4, 64]);
		expect(info.sections.every(({ offset }) => offset % 64 === 0)).toBe(true);
	});
});
