/** The table of where labels are, and what lists hold when codes leave them. */
import { expect, it } from 'vitest';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { ArrayInvertedLists } from '../../src/invlists/array-lists.ts';
import { LabelLocator } from '../../src/invlists/label-locator.ts';
import { defaultEngine } from '../../src/kernels/engine.ts';
import { clustered } from '../support/data.ts';

it('a page is there as long as one of its labels is', () => {
	const locator = new LabelLocator();
	expect([locator.byteLength, locator.get(5)]).toEqual([0, undefined]);
	for (const label of [0, 1023, 1024, 2 ** 32 - 2]) locator.set(label, label % 7, 3);
	const three = locator.byteLength;
	expect(locator.get(2 ** 32 - 2)).toEqual({ listNo: (2 ** 32 - 2) % 7, position: 3 });
	expect([locator.get(1), locator.get(1025)]).toEqual([undefined, undefined]);
	locator.set(1024, 9, 9);
	locator.delete(1024);
	locator.delete(1024);
	locator.delete(77_777);
	expect(locator.get(1024)).toBeUndefined();
	expect(locator.byteLength).toBe((three * 2) / 3);
	for (const label of [0, 1023, 2 ** 32 - 2]) locator.delete(label);
	expect(locator.byteLength).toBe(0);
});

it('without a table labels are looked for, with one they are found; the last code fills the gap', () => {
	const { arena } = defaultEngine();
	using lists = new ArrayInvertedLists(arena, 3, { codeSize: 3, blockSize: 1, termBytes: 4 });
	const put = (listNo: number, label: number): void => {
		lists.reserve(listNo, 1);
		const { codes, terms, ids, n } = lists.list(listNo);
		arena.u8.fill(label, codes + 3 * n, codes + 3 * n + 3);
		arena.u32[(terms >>> 2) + n] = 1000 + label;
		arena.u32[(ids >>> 2) + n] = label;
		lists.commit(listNo, 1);
	};
	for (let label = 0; label < 30; label++) put(label % 3, label);
	expect(lists.find(4)).toEqual({ listNo: 1, position: 1 });
	expect(lists.find(30)).toBeUndefined();
	const before = Object.values(lists.bytes()).reduce((a, b) => a + b, 0);
	lists.locate();
	expect(lists.bytes()['locator']).toBeGreaterThan(240);
	expect(lists.find(4)).toEqual({ listNo: 1, position: 1 });
	expect([lists.remove(4), lists.remove(4), lists.remove(99)]).toEqual([1, undefined, undefined]);
	expect(lists.find(28)).toEqual({ listNo: 1, position: 1 });
	const { codes, terms, ids, n } = lists.list(1);
	expect([n, lists.ntotal]).toEqual([9, 29]);
	expect([...arena.u8.subarray(codes, codes + 9)]).toEqual([1, 1, 1, 28, 28, 28, 7, 7, 7]);
	expect([...arena.u32.subarray(terms >>> 2, (terms >>> 2) + 3)]).toEqual([1001, 1028, 1007]);
	expect([...arena.u32.subarray(ids >>> 2, (ids >>> 2) + 9)]).toEqual([1, 28, 7, 10, 13, 16, 19, 22, 25]);
	put(2, 4);
	expect(lists.find(4)).toEqual({ listNo: 2, position: 10 });
	// Labels of the last add are the last of their lists.
	put(2, 30);
	put(1, 31);
	expect(lists.find(31)).toEqual({ listNo: 1, position: 9 });
	lists.truncate(30);
	expect([lists.find(4), lists.find(30), lists.find(31)]).toEqual([{ listNo: 2, position: 10 }, undefined, undefined]);
	lists.shrink();
	expect(lists.bytes()['locator']).toBeUndefined();
	expect(Object.values(lists.bytes()).reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(before);
});

it('lists that lose most of their codes give room back', () => {
	using index = new IndexIVFFlat({ d: 8, nlist: 4 });
	const x = clustered(4000, 8);
	index.train(x).add(x);
	const bytes = (): number => {
		const { codes = 0, spare = 0 } = index.stats().bytes;
		return codes + spare;
	};
	const full = bytes();
	index.remove(Array(3800).keys());
	expect(bytes()).toBeLessThan(full / 4);
	index.remove(Array(4000).keys());
	expect(index.shrink().stats().bytes).toMatchObject({ codes: 0, labels: 0, spare: 0 });
	index.add(x);
	expect(index.search(x.row(7), 1, { nprobe: 4 }).labels[0]).toBe(4007);
});
