/** Graphs in files that lie, with right checksums: links that lead nowhere, slots that cannot be. */
import { describe, expect, it } from 'vitest';
import { IndexIVFPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../../src/indexes/ivf-scalar-quantizer.ts';
import { IndexIVFRaBitQ } from '../../src/indexes/rabitq.ts';
import { readFaissIndex } from '../../src/io/faiss/read.ts';
import { writeFaissIndex } from '../../src/io/faiss/write.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { SCALAR_TYPES } from '../../src/quantizers/scalar-types.ts';
import { clustered } from '../support/data.ts';
import type { Parts } from './craft.ts';
import { errorOf, expectCorrupt, hnsw, ivfHnsw } from './crafted-files.ts';

const NONE = 0xffffffff;

/** A graph whose arrays were changed: links of 11 rows (4 each), row and level of the slots, upper lists (2 links each). */
function craft(change: (links: Uint32Array, slots: Uint32Array, upper: Uint32Array) => void): Parts {
	const parts = hnsw();
	const [links, slots, upper] = parts.sections.map((section) => new Uint32Array(section.buffer));
	change(links!, slots!, upper!);
	return parts;
}

describe('graphs', () => {
	it('craft without lies', () => {
		expect(errorOf(craft(() => {}))).toBeUndefined();
		const { json, sections } = hnsw();
		expect(json).toMatchObject({ type: 'IndexHNSW', ntotal: 11, M: 2 });
		expect(sections[1]!.length).toBeGreaterThanOrEqual(16);
	});

	it.each([11, 2 ** 31, NONE - 1])('a link to row %d leads nowhere', (link) => {
		const parts = craft((links) => links.set([link]));
		expectCorrupt(parts, `section 0 (links): list 0: link ${link} leads nowhere`);
	});

	it('a link may not stand behind the end of its list', () => {
		const parts = craft((links) => links.set([1, NONE, 2], 8));
		expectCorrupt(parts, 'section 0 (links): list 2: a link stands behind its end');
	});

	it('slots ascend, of rows and levels that there are', () => {
		expectCorrupt(
			craft((_, slots) => slots.set([11])),
			'section 1 (slots): slot 0: row 11 is outside 0..10',
		);
		expectCorrupt(
			craft((_, slots) => slots.set([slots[0]!], 2)),
			'section 1 (slots): slot 1: its row does not follow',
		);
		for (const level of [0, 16, NONE]) {
			expectCorrupt(
				craft((_, slots) => slots.set([level], 1)),
				`slot 0: level ${level} is outside 1..15`,
			);
		}
		expectCorrupt(
			craft((_, slots) => slots.set([slots[1]! + 1], 1)),
			/the slots have \d+ lists, the index \d+/,
		);
	});

	it('upper links lead to slots of their level', () => {
		expectCorrupt(
			craft((_, slots, upper) => upper.set([slots.length / 2])),
			/section 2 \(upperLinks\): list 0: link \d+ leads nowhere/,
		);
		// The only slot on the top level links to one that is not there.
		const parts = craft((_, slots, upper) => {
			const levels = Array.from({ length: slots.length / 2 }, (_, i) => slots[2 * i + 1]!);
			const top = Math.max(...levels);
			const highest = levels.indexOf(top);
			const before = levels.slice(0, highest).reduce((a, b) => a + b, 0);
			upper.set([levels.findIndex((level) => level < top)], 2 * (before + top - 1));
		});
		expectCorrupt(parts, /section 2 \(upperLinks\): list \d+: link \d+ leads nowhere/);
	});

	it.each([
		['M', 1, /M must be an integer in 2\.\.512/],
		['M', 3, /section 0 \(links\) must have/],
		['efConstruction', 0, /efConstruction must be an integer in 1\.\.65536/],
		['slots', 12, /slots must be an integer in 0\.\.11/],
		['upperLists', 1e6, /upperLists must be an integer/],
		['storage', {}, /storage/],
	])('%s cannot be %d', (key, value, message) => {
		const parts = hnsw();
		parts.json[key] = value;
		expectCorrupt(parts, message);
	});

	it('over cells: links lead to cells', () => {
		const parts = ivfHnsw();
		expect(errorOf(parts)).toBeUndefined();
		new Uint32Array(parts.sections[1]!.buffer).set([3]);
		expectCorrupt(parts, 'section 1 (coarseLinks): list 0: link 3 leads nowhere');
		const shape = ivfHnsw();
		shape.json['coarse'] = { M: 32, efConstruction: 64, slots: 4, upperLists: 4 };
		expectCorrupt(shape, /coarse\.slots must be an integer in 0\.\.3/);
	});

	it('an add that is aborted, or runs out of memory, leaves the graph as it was', async () => {
		const x = clustered(400, 6, { rank: 3 });
		const engine = createEngineSync({ maxBytes: 2 ** 20 });
		using index = new IndexHNSW({ d: 6, M: 4, engine });
		index.add(x.slice(0, 100));
		const before = writeIndex(index);
		for (const stopAt of [1, 5, 200, 299]) {
			const controller = new AbortController();
			const onProgress = ({ phase, done }: { phase: string; done: number }): void => {
				if (phase === 'link' && done >= stopAt) controller.abort();
			};
			await expect(index.addAsync(x.slice(100), { signal: controller.signal, onProgress })).rejects.toMatchObject({
				code: 'aborted',
			});
			expect(index.ntotal).toBe(100);
			expect(writeIndex(index)).toEqual(before);
		}
		const many = clustered(20_000, 6);
		expect(() => index.add(many)).toThrow(/cannot allocate/);
		expect(writeIndex(index)).toEqual(before);
		using once = new IndexHNSW({ d: 6, M: 4, engine });
		expect(writeIndex(index.add(x.slice(100)))).toEqual(writeIndex(once.add(x)));
	});

	it('over cells of every kind: what was read is what was written', () => {
		const x = clustered(300, 8, { rank: 3 });
		const options = { d: 8, nlist: 5, coarse: 'hnsw' } as const;
		const makers = [
			() => new IndexIVFFlat(options),
			...(['sq8', 'sq4', 'f16', 'bf16'] as const).map(
				(type) => () => new IndexIVFScalarQuantizer({ ...options, type }),
			),
			() => new IndexIVFPQ({ ...options, m: 2, nbits: 5 }),
			() => new IndexIVFPQFastScan({ ...options, m: 4 }),
			() => new IndexIVFRaBitQ({ ...options, nbits: 2 }),
		];
		for (const make of makers) {
			using index = make();
			using untrained = readIndex(writeIndex(index));
			expect(writeIndex(untrained)).toEqual(writeIndex(index));
			index.train(x).add(x);
			using back = readIndex(writeIndex(index));
			expect(back).toMatchObject({ coarse: 'hnsw' });
			expect(writeIndex(back)).toEqual(writeIndex(index));
			expect(back.search(x, 5)).toEqual(index.search(x, 5));
		}
	});

	it.each(SCALAR_TYPES)('a file of FAISS holds codes of %s', (store) => {
		const x = clustered(300, 6, { rank: 3 });
		using index = new IndexHNSW({ d: 6, M: 4, store });
		index.train(x).add(x);
		using back = readFaissIndex(writeFaissIndex(index));
		expect(back).toMatchObject({ type: 'IndexHNSW', store });
		const [found, expected] = [back.search(x, 5), index.search(x, 5)];
		if (store !== 'sq4') expect(found.labels).toEqual(expected.labels);
		// Ranges are told in another way, which rounds.
		for (const [i, distance] of expected.distances.entries()) expect(found.distances[i]).toBeCloseTo(distance, 4);
	});

	it('what was read goes on like what was written', () => {
		const x = clustered(300, 6, { rank: 3 });
		for (const store of ['flat', ...SCALAR_TYPES] as const) {
			using index = new IndexHNSW({ d: 6, M: 4, store });
			index.train(x).add(x.slice(0, 170));
			const bytes = writeIndex(index);
			// Byte 10 is the minor version.
			expect(bytes[10]).toBe(store === 'flat' || store === 'sq8' ? 0 : 2);
			using back = readIndex(bytes);
			expect(back).toMatchObject({ store });
			index.add(x.slice(170));
			back.add(x.slice(170));
			expect(writeIndex(back)).toEqual(writeIndex(index));
			expect(back.search(x, 5)).toEqual(index.search(x, 5));
		}
	});
});
