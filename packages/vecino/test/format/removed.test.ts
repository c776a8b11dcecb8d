/** Files of indexes from which something was removed: what they hold, and lies about it with right checksums. */
import { describe, expect, it } from 'vitest';
import { readFaissIndex, writeFaissIndex } from '../../src/index.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { inspectIndex, readIndex } from '../../src/io/read-index.ts';
import { bytesSource } from '../../src/io/source.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { clustered } from '../support/data.ts';
import { type Parts, signLists } from './craft.ts';
import {
	errorOf,
	expectCorrupt,
	fastScanRemoved,
	flatRemoved,
	hnswRemoved,
	idMapRemoved,
	ivfFlat,
	ivfRemoved,
	refineRemoved,
} from './crafted-files.ts';

const words = (section: Uint8Array<ArrayBuffer>): Uint32Array => new Uint32Array(section.buffer);
const ids = (parts: Parts): Float64Array => new Float64Array(parts.sections[0]!.buffer);
const LIVE = 0b111_1101_1011;

/** The same with other keys in the root of its JSON; undefined: without that key. */
function change({ json, sections }: Parts, keys: Record<string, unknown>): Parts {
	const changed = Object.entries({ ...json, ...keys }).filter(([, value]) => value !== undefined);
	return { json: Object.fromEntries(changed), sections };
}

describe('what a file says', () => {
	it('version 1.2 and labelEnd, only while something is missing', async () => {
		using index = new IndexFlat({ d: 4 }).add(clustered(40, 4));
		const before = writeIndex(index);
		expect(before[10]).toBe(0);
		index.remove(7);
		const file = writeIndex(index);
		expect(await inspectIndex(bytesSource(file))).toMatchObject({ ntotal: 39, version: '1.2' });
		expect(flatRemoved().json).toMatchObject({ ntotal: 9, labelEnd: 11, sections: { codes: 0, live: 1 } });
		expect([...words(flatRemoved().sections[1]!)]).toEqual([LIVE]);
		expect(hnswRemoved().json).toMatchObject({ ntotal: 9, labelEnd: 11, storage: { ntotal: 11 } });
		expect(refineRemoved().json).toMatchObject({ base: { ntotal: 9, labelEnd: 11 }, refine: { ntotal: 11 } });
		expect(idMapRemoved().json).toMatchObject({ ntotal: 9, labelEnd: 11, free: 5, index: { labelEnd: 11 } });
		expect([...ids(idMapRemoved())]).toEqual([0, 1, -1, 3, 4, -4, 6, 7, 8, 9, 10]);
	});

	it('nothing of removed vectors is left, but in graphs', () => {
		const codes = new Float32Array(flatRemoved().sections[0]!.buffer);
		expect([...codes.subarray(8, 12), ...codes.subarray(20, 24)]).toEqual(Array(8).fill(0));
		expect(codes.subarray(24).every((value) => value !== 0)).toBe(true);
	});

	it('labels far apart: an index of a few vectors with high labels is small and reads back', () => {
		using index = new IndexIVFFlat({ d: 4, nlist: 3 });
		const x = clustered(3000, 4);
		index.train(x).add(x);
		index.remove(Array(2997).keys());
		const file = writeIndex(index);
		expect(file.length).toBeLessThan(1000);
		using back = readIndex(file);
		expect([back.ntotal, back.labelEnd, back.has(2996), back.has(2998)]).toEqual([3, 3000, false, true]);
		expect(back.search(x.row(2999), 5, { nprobe: 3 }).hits()).toHaveLength(3);
		expect(back.remove([1, 2998])).toBe(1);
	});
});

describe('as a FAISS file', () => {
	it('lists keep the labels, which are ids on the way back', () => {
		using index = new IndexIVFFlat({ d: 4, nlist: 3 });
		const x = clustered(60, 4);
		index
			.train(x)
			.add(x)
			.remove((label) => label < 50);
		using back = readFaissIndex(writeFaissIndex(index));
		expect([back.type, back.ntotal, back.has(55), back.has(3)]).toEqual(['IndexIDMap', 10, true, false]);
		const params = { nprobe: 3 };
		expect(back.search(x, 3, params).labels).toEqual(index.search(x, 3, params).labels);
	});

	it('what goes by row numbers has no room for gaps', () => {
		for (const index of [
			new IndexFlat({ d: 4 }),
			new IndexHNSW({ d: 4 }),
			new IndexRefine({ base: new IndexIVFFlat({ d: 4, nlist: 3 }) }),
			new IndexIDMap({ index: new IndexIVFFlat({ d: 4, nlist: 3 }) }),
		] as Index[]) {
			using owned = index;
			const x = clustered(60, 4);
			owned.train(x).add(x).remove(3);
			expect(() => writeFaissIndex(owned)).toThrow(
				`writeFaissIndex: an ${owned.type} from which vectors were removed cannot be written to a FAISS file`,
			);
		}
	});
});

describe('lies', () => {
	it('about labelEnd', () => {
		for (const make of [flatRemoved, fastScanRemoved, ivfRemoved, hnswRemoved, refineRemoved, idMapRemoved]) {
			expect(errorOf(make())).toBeUndefined();
			for (const labelEnd of [9, 0, -1, 2 ** 32, 1.5, '11', null]) {
				const lie = change(make(), { labelEnd: labelEnd });
				expectCorrupt(lie, /labelEnd must be an integer in 10..4294967295, got/);
			}
			expectCorrupt(change(make(), { labelEnd: undefined }), /must be|must have|not known|is outside|hold/);
		}
		expectCorrupt(change(flatRemoved(), { labelEnd: 12 }), /section 0 \(codes\) must have 192 bytes, it has 176/);
		const inner = idMapRemoved().json['index'] as object;
		const nested = change(idMapRemoved(), { index: { ...inner, labelEnd: 12 } });
		expectCorrupt(nested, 'index.labelEnd must be 11 as around it, got 12');
		const untrained = change(ivfRemoved(), { isTrained: false, ntotal: 0 });
		expectCorrupt(untrained, 'ntotal must be 0 in an index that is not trained');
		// A promise of four billion labels takes no memory.
		const far = change(ivfRemoved(), { labelEnd: 2 ** 32 - 1 });
		expect(errorOf(far)).toBeUndefined();
	});

	it.each([
		['bits behind the last row', LIVE | (1 << 11), /section \d \(live\): bits behind the last row are not zero/],
		['too few', LIVE & ~1, /section \d \(live\): 8 rows are alive, the index has 9 vectors/],
		['too many', LIVE | 4, /section \d \(live\): 10 rows are alive, the index has 9 vectors/],
	])('about live rows: %s', (_, live, message) => {
		for (const [make, number] of [
			[flatRemoved, 1],
			[hnswRemoved, 3],
		] as const) {
			const parts = make();
			words(parts.sections[number]!)[0] = live;
			expectCorrupt(parts, message);
		}
	});

	it('about labels in lists', () => {
		const craft = (to: (labels: Uint32Array) => unknown): Parts => {
			const parts = ivfRemoved();
			const [, directory, lists] = parts.sections;
			const n = words(directory!)[0]! || words(directory!)[2]!;
			to(words(lists!).subarray(4 * n, 5 * n));
			signLists(directory!, lists!, 16, false);
			return parts;
		};
		expect(errorOf(craft(() => {}))).toBeUndefined();
		expectCorrupt(
			craft((labels) => labels.fill(11, 0, 1)),
			'label 11 is outside 0..10',
		);
		expectCorrupt(
			craft((labels) => labels.copyWithin(0, 1, 2)),
			/label \d+ is there twice/,
		);
		const twice = craft((labels) => labels.copyWithin(0, 1, 2));
		expectCorrupt(change(twice, { labelEnd: 100_000 }), /label \d+ is there twice/);
		const whole = ivfFlat();
		expectCorrupt(change(whole, { labelEnd: 11 }), /labelEnd must be an integer in 12/);
	});

	it.each<[what: string, lie: Record<string, unknown> | readonly [at: number, id: number][], message: RegExp]>([
		['free is no row', { free: 11 }, /free must be an integer in 0..10, got 11/],
		['there is no free', { free: undefined }, /free must be an integer in 0..10, got nothing/],
		['free has an id', { free: 1 }, /not all in the chain/],
		['the chain is too short', { free: 2 }, /not all in the chain/],
		['the chain is a ring', [[2, -7]], /not all in the chain/],
		['a row leads to itself', [[5, -7]], /not all in the chain/],
		['the chain goes on', [[2, -3]], /not all in the chain/],
		['a link leads out', [[2, -13]], /id -13 is not an integer/],
		['a link is no integer', [[2, -1.5]], /id -1.5 is not an integer/],
		['an id too many', [[2, 77]], /there are 10 ids for 9 vectors/],
		['an id too few', [[3, -1]], /there are 8 ids for 9 vectors/],
		[
			'another row is free',
			[
				[2, 99],
				[3, -1],
				[5, -5],
			],
			/row 3 has a vector and no id/,
		],
	])('about ids: %s', (_, lie, message) => {
		const parts = idMapRemoved();
		if (Array.isArray(lie)) for (const [at, id] of lie) ids(parts)[at] = id;
		expectCorrupt(Array.isArray(lie) ? parts : change(parts, lie as Record<string, unknown>), message);
	});
});
