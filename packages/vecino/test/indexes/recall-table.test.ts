/** Searches that ask for a recall, and the table that says which parameters reach it. */
import { describe, expect, it } from 'vitest';
import type { RecallTable } from '../../src/core/recall-table.ts';
import { isVecinoError } from '../../src/errors.ts';
import { recallAtK } from '../../src/eval/recall.ts';
import { measureRecallTable } from '../../src/eval/recall-table.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { expectCorrupt, ivfFlat } from '../format/crafted-files.ts';
import { clustered, split } from '../support/data.ts';

const D = 24;
const { base, queries } = split(clustered(1000, D), 60);
const truth = exactNeighbors(base, queries, 10);
const table: RecallTable = {
	k: 10,
	settings: [
		{ recall: 0.5, nprobe: 1 },
		{ recall: 0.9, nprobe: 4 },
		{ recall: 1, nprobe: 32 },
	],
};
const built = (): IndexIVFFlat => {
	const index = new IndexIVFFlat({ d: D, nlist: 32 });
	index.train(base).add(base);
	return index;
};

describe('measureRecallTable', () => {
	it('keeps settings of growing recall, each of which delivers it', () => {
		using cells = new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 16, m: 8 }) });
		using graph = new IndexHNSW({ d: D, M: 8 });
		for (const index of [cells, graph]) {
			index.train(base).add(base);
			index.recallTable = measureRecallTable(index, queries, { truth, kFactor: [1, 4], efSearch: [8, 64] });
			const { k, settings } = index.recallTable!;
			expect(k).toBe(10);
			expect(settings.at(-1)!.recall).toBeGreaterThan(0.95);
			for (const { recall } of settings) {
				expect(recallAtK(index.search(queries, 10, { recall }), truth)).toBeCloseTo(recall, 10);
			}
		}
		expect(Object.keys(cells.recallTable!.settings[0]!)).toEqual(['recall', 'nprobe', 'kFactor']);
		// What is given stands, also where it is the default.
		graph.recallTable = { k: 10, settings: [{ recall: 0.5, efSearch: 10 }] };
		const wide = graph.search(queries, 10, { recall: 0.5, efSearch: 64 }).labels;
		expect(wide).toEqual(graph.search(queries, 10).labels);
		expect(Object.keys(graph.recallTable!.settings[0]!)).toEqual(['recall', 'efSearch']);
	});

	it('names what is wrong', () => {
		using index = built();
		expect(() => measureRecallTable(index, queries, { truth, k: 11 })).toThrow(
			'truth must have 11 neighbours of each of 60',
		);
		expect(() => measureRecallTable(index, queries.slice(0, 3), { truth })).toThrow('of each of 3 queries');
	});
});

describe('recall', () => {
	it('takes the first setting that reaches it; parameters that are given stand', () => {
		using index = built();
		index.recallTable = table;
		const same = (recall: number, nprobe: number): void =>
			expect(index.search(queries, 10, { recall }).labels).toEqual(index.search(queries, 10, { nprobe }).labels);
		same(0.2, 1);
		same(0.5, 1);
		same(0.51, 4);
		same(0.95, 32);
		expect(index.search(queries, 10, { recall: 1, nprobe: 2 }).labels).toEqual(
			index.search(queries, 10, { nprobe: 2 }).labels,
		);
		const radius = 3;
		expect(index.rangeSearch(queries, radius, { recall: 1 }).labels).toEqual(
			index.rangeSearch(queries, radius, { nprobe: 32 }).labels,
		);
	});

	it('is kept in files and through training anew forgotten', async () => {
		using index = new IndexIDMap({ index: new IndexIVFFlat({ d: D, nlist: 32 }) });
		index.train(base).add(base);
		expect(() => index.search(queries, 10, { recall: 0.9 })).toThrow('IndexIDMap.search: recall needs a table');
		index.recallTable = table;
		using read = readIndex(writeIndex(index));
		expect(read.recallTable).toEqual(table);
		expect(read.search(queries, 10, { recall: 0.9 }).labels).toEqual(index.search(queries, 10, { nprobe: 4 }).labels);
		expect(writeIndex(read)).toEqual(writeIndex(index));
		read.reset();
		await read.trainAsync(base);
		expect(read.recallTable).toBeUndefined();
	});

	it('says so when nothing reaches it', () => {
		using index = built();
		const codeOf = (run: () => unknown): string => {
			try {
				run();
			} catch (error) {
				return isVecinoError(error) ? `${error.code}: ${error.message}` : String(error);
			}
			return 'no error';
		};
		expect(codeOf(() => index.search(queries, 10, { recall: 0.9 }))).toMatch(/^unsupported: .*measureRecallTable/);
		index.recallTable = { k: 10, settings: [{ recall: 0.7, nprobe: 2 }] };
		expect(codeOf(() => index.search(queries, 10, { recall: 0.9 }))).toMatch(
			/reaches a recall of 0.9; the best is 0.7/,
		);
		expect(codeOf(() => index.search(queries, 10, { recall: 1.1 }))).toMatch(/recall must be in 0..1, got 1.1/);
		using flat = new IndexFlat({ d: D });
		expect(codeOf(() => flat.search(queries, 10, { recall: 0.9 } as never))).toMatch(/recall/);
	});

	it('is checked when a file is read', () => {
		const whole = ivfFlat();
		const lie = (recallTable: unknown) => ({ ...whole, json: { ...whole.json, recallTable } });
		expectCorrupt(lie({ k: 10, settings: [] }), 'settings must be 1 to 1000 objects');
		expectCorrupt(lie({ k: 10, settings: [{ recall: 2 }] }), 'settings[0].recall must be in 0..1, got 2');
		expectCorrupt(lie('none'), 'recallTable');
		expectCorrupt(lie(null), 'recallTable');
	});

	it('refuses tables that are none', () => {
		using index = built();
		const set = (value: unknown) => () => {
			index.recallTable = value as RecallTable;
		};
		expect(set({ k: 10, settings: [] })).toThrow('settings must be 1 to 1000 objects');
		expect(set({ k: 10, settings: [table.settings[1], table.settings[0]] })).toThrow(
			'IndexIVFFlat.recallTable: settings[1].recall must be more than 0.9, got 0.5',
		);
		expect(set({ k: 10, settings: [{ recall: 0.5, nprob: 1 }] })).toThrow('nprob');
		expect(set({ k: 0, settings: table.settings })).toThrow('k must be an integer in 1..65536, got 0');
		expect(set(7)).toThrow(TypeError);
	});
});
