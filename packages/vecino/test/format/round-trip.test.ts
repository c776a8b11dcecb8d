/** What is written is what is read: every kind of index, every metric, in every state. */
import { describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { indexChunks, writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync, defaultEngine } from '../../src/kernels/engine.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';
import { putTogether, takeApart } from './craft.ts';

const D = 24;
const all = clustered(330, D);
const base = all.slice(0, 300);
const more = all.slice(300, 320);
const queries = all.slice(320);
const small = { niter: 3 };

/** IndexIDMap with ids of every size. */
function fill(index: Index): Index {
	index.train(base, small);
	if (!(index instanceof IndexIDMap)) return index.add(base);
	const ids = Array.from({ length: base.n }, (_, i) => (i % 2 === 0 ? i * 1000 : Number.MAX_SAFE_INTEGER - i));
	return index.addWithIds(base, ids);
}

function expectEqual(actual: Index, expected: Index): void {
	expect([actual.type, actual.d, actual.metric, actual.ntotal, actual.isTrained]).toEqual([
		expected.type,
		expected.d,
		expected.metric,
		expected.ntotal,
		expected.isTrained,
	]);
	expect(actual.search(queries, 7)).toEqual(expected.search(queries, 7));
}

describe.each(METRICS)('metric %s', (metric) => {
	it.each(KINDS)('$name answers the same after a round trip', (kind) => {
		using index = fill(kind.make(D, metric));
		const bytes = writeIndex(index);
		using again = readIndex(bytes);
		expectEqual(again, index);
		expect(again.stats()).toEqual(index.stats());
		expect(again.byteLength).toBe(index.byteLength);
		expect(bytes.length).toBeLessThan(index.byteLength + 1500);
		expect(writeIndex(again)).toEqual(bytes);
		using unverified = readIndex(bytes, { verify: false });
		expect(writeIndex(unverified)).toEqual(bytes);
	});

	it.each(KINDS)('$name grows after a round trip as if it had never been saved', (kind) => {
		using index = fill(kind.make(D, metric));
		using again = readIndex(writeIndex(index));
		index.add(more);
		again.add(more);
		expectEqual(again, index);
		expect(writeIndex(again)).toEqual(writeIndex(index));
	});

	it.each(KINDS)('$name comes back untrained, trained and empty, and can be used', (kind) => {
		using index = kind.make(D, metric);
		using untrained = readIndex(writeIndex(index));
		expect([untrained.type, untrained.isTrained, untrained.ntotal]).toEqual([index.type, index.isTrained, 0]);
		index.train(base, small);
		untrained.train(base, small);
		using empty = readIndex(writeIndex(index));
		expect([empty.type, empty.isTrained, empty.ntotal]).toEqual([index.type, true, 0]);
		for (const each of [index, untrained, empty]) each.add(base);
		expectEqual(untrained, index);
		expectEqual(empty, index);
		index.reset();
		expect(readAndDrop(writeIndex(index))).toBe(0);
	});
});

function readAndDrop(bytes: Uint8Array): number {
	using index = readIndex(bytes);
	return index.ntotal;
}

describe('kinds of index', () => {
	it.each([4, 5, 6, 7, 8, 9, 10, 11, 12])('IndexPQ of %i bits, padded', (nbits) => {
		using index = new IndexPQ({ d: D, m: 7, nbits, pad: true });
		index.train(base, { niter: 1 }).add(base);
		using again = readIndex(writeIndex(index));
		expectEqual(again, index);
		expect(writeIndex(again)).toEqual(writeIndex(index));
	});

	it.each([1, 2, 3, 4, 5])('IndexIVFPQ with codes of %i bytes, whose lists need padding', (m) => {
		using index = new IndexIVFPQ({ d: 30, m, nbits: 8, nlist: 5, pad: true });
		index.train(clustered(300, 30), { niter: 1 }).add(clustered(100, 30));
		using again = readIndex(writeIndex(index));
		expect(again.search(clustered(5, 30), 3)).toEqual(index.search(clustered(5, 30), 3));
		expect(writeIndex(again)).toEqual(writeIndex(index));
	});

	it('keeps nprobe, kFactor, and nlist where training made fewer', () => {
		using ivf = new IndexIVFFlat({ d: D, nlist: 500 });
		ivf.train(base, small);
		expect(ivf.nlist).toBe(300);
		using again = readIndex(writeIndex(ivf)) as IndexIVFFlat;
		expect([again.nlist, again.nprobe]).toEqual([300, ivf.nprobe]);
		expect(again.centroids).toEqual(ivf.centroids);
		using refine = new IndexRefine({ base: new IndexPQ({ d: D, m: 4 }), kFactor: 2.5, store: 'sq8' });
		using refined = readIndex(writeIndex(refine)) as IndexRefine;
		expect([refined.kFactor, refined.store, refined.base.type]).toEqual([2.5, 'sq8', 'IndexPQ']);
	});

	it('nests three deep', () => {
		const make = (): IndexIDMap =>
			new IndexIDMap({
				index: new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 4, m: 4, nbits: 4 }), store: 'sq8' }),
			});
		using index = fill(make()) as IndexIDMap;
		using again = readIndex(writeIndex(index)) as IndexIDMap;
		expectEqual(again, index);
		expect(again.ids).toEqual(index.ids);
		expect([again.has(2000), again.has(2001)]).toEqual([true, false]);
	});

	it('keeps negative zero as it is, and ids up to 2^53 - 1', () => {
		using index = new IndexIDMap({ index: new IndexFlat({ d: 1 }) });
		index.addWithIds([[-0], [1]], [0, Number.MAX_SAFE_INTEGER]);
		using again = readIndex(writeIndex(index)) as IndexIDMap;
		expect(again.ids).toEqual(Float64Array.of(0, Number.MAX_SAFE_INTEGER));
		expect(again.reconstruct(0)).toEqual(Float32Array.of(-0));
	});
});

describe('sizes', () => {
	it('IndexFlat: 4 * n * d bytes and less than 1 KiB', () => {
		using index = new IndexFlat({ d: D });
		index.add(base);
		expect(writeIndex(index).length).toBeGreaterThan(4 * 300 * D);
		expect(writeIndex(index).length).toBeLessThan(4 * 300 * D + 1024);
	});

	it('IndexPQ, m = 8, nbits = 8, d = 128: 8 * n + 131072 bytes and less than 1 KiB', () => {
		const x = clustered(300, 128);
		using index = new IndexPQ({ d: 128, m: 8 });
		index.train(x, { niter: 1 }).add(x);
		expect(writeIndex(index).length).toBeGreaterThan(8 * 300 + 131072);
		expect(writeIndex(index).length).toBeLessThan(8 * 300 + 131072 + 1024);
	});

	it('IndexIVFPQ: codes, terms and labels, 11 bytes per list and less than 1 KiB', () => {
		using index = new IndexIVFPQ({ d: D, m: 4, nlist: 10 });
		index.train(base, { niter: 1 }).add(base);
		const content = 300 * (4 + 4 + 4) + 10 * D * 4 + 256 * D * 4;
		expect(writeIndex(index).length).toBeLessThan(content + 10 * 11 + 1024);
	});
});

describe('the bytes', () => {
	it('are the same whatever the kernels', () => {
		for (const make of [
			(engine = defaultEngine()) => new IndexIVFPQ({ d: D, m: 4, nlist: 8, nbits: 6, engine }),
			(engine = defaultEngine()) => new IndexIVFFlat({ d: D, nlist: 8, metric: 'cosine', engine }),
			(engine = defaultEngine()) => new IndexRefine({ base: new IndexPQ({ d: D, m: 6, engine }), store: 'sq8' }),
		]) {
			const files = (['relaxed', 'simd', 'reference'] as const).map((kernels) => {
				using index = make(createEngineSync({ kernels }));
				return writeIndex(index.train(base, { seed: 7 }).add(base));
			});
			expect(files[1]).toEqual(files[0]);
			expect(files[2]).toEqual(files[0]);
		}
	});

	it('do not depend on how the vectors came in', () => {
		using once = new IndexIVFFlat({ d: D, nlist: 4 });
		using parts = new IndexIVFFlat({ d: D, nlist: 4 });
		once.train(base, small).add(base);
		parts.train(base, small);
		for (let i = 0; i < base.n; i += 7) parts.add(base.slice(i, Math.min(base.n, i + 7)));
		expect(writeIndex(parts)).toEqual(writeIndex(once));
	});

	it('begin with a header for humans, with keys in a fixed order', () => {
		const ivf = new IndexIVFPQ({ d: 8, m: 2, nlist: 2, nbits: 4 });
		using index = new IndexIDMap({ index: ivf });
		index.train(clustered(40, 8), { niter: 1 });
		const bytes = writeIndex(index);
		const text = new TextDecoder().decode(bytes.subarray(64, 64 + bytes[24]! + bytes[25]! * 256));
		expect(text).toBe(
			'{"type":"IndexIDMap","d":8,"metric":"l2","ntotal":0,"isTrained":true,"sections":{"ids":0},"index":' +
				'{"type":"IndexIVFPQ","d":8,"metric":"l2","ntotal":0,"isTrained":true,"nlist":2,' +
				`"nprobe":${ivf.nprobe},"spread":[${ivf.spread!.trained},0,0],"m":2,"nbits":4,` +
				'"byResidual":true,"sections":{"centroids":1,"codebook":2,"directory":3,"lists":4}}}',
		);
		expect(putTogether(takeApart(bytes), { minor: 2 })).toEqual(bytes);
	});

	it('come in chunks of at most 1 MiB that later work leaves alone', () => {
		using index = new IndexFlat({ d: 256 });
		index.add(clustered(2500, 256, { rank: 1 }));
		const whole = writeIndex(index);
		const chunks = [];
		for (const chunk of indexChunks(index)) {
			// Makes the arena grow, which detaches views into it.
			defaultEngine().arena.free(defaultEngine().arena.alloc(2 ** 22));
			chunks.push(chunk);
		}
		expect(chunks.map((chunk) => chunk.length)).toEqual([2 ** 20, 2 ** 20, whole.length - 2 ** 21]);
		expect(Buffer.compare(Buffer.concat(chunks), whole)).toBe(0);
		expect(chunks.every((chunk) => chunk.buffer !== defaultEngine().arena.memory.buffer)).toBe(true);
	});
});
