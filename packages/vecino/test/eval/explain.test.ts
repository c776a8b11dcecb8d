/** Why a search found what it found: against searches, on every kind of index and metric. */
import { describe, expect, it } from 'vitest';
import { cosineSimilarity, innerProduct, METRICS, type Metric, squaredL2 } from '../../src/core/metric.ts';
import type { VectorSet } from '../../src/core/vectors.ts';
import { explain, explainMissed } from '../../src/eval/explain.ts';
import type { Explanation } from '../../src/eval/explanation.ts';
import { measureRecall } from '../../src/eval/live-recall.ts';
import { exactNeighbors } from '../../src/eval/truth.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { clustered, split } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const D = 24;
const K = 10;
const { base, queries } = split(clustered(1210, D, { clusters: 14, seed: 7 }), 10);

const DISTANCES = { l2: squaredL2, ip: innerProduct, cosine: cosineSimilarity } as const;

function filled(index: Index, x: VectorSet = base): Index {
	return index.train(x).add(x);
}

/** The parameters of the search that were used, and those with the fix less one of its steps. */
function oneLess({ fix, k }: Explanation): object[] {
	const { nprobe, kFactor, efSearch, k: more } = fix!;
	const wide = kFactor === undefined ? undefined : Math.ceil(k * kFactor) - 1;
	return [
		...(nprobe === undefined ? [] : [{ ...fix, nprobe: nprobe - 1 }]),
		...(wide === undefined ? [] : [{ ...fix, kFactor: wide <= k ? 1 : (wide - 0.5) / k }]),
		...(efSearch === undefined ? [] : [{ ...fix, efSearch: efSearch - 1 }]),
		...(more === undefined ? [] : [{ ...fix, k: more - 1 }]),
	].filter((params) => !Object.entries(params).some(([name, value]) => name !== 'k' && value < 1));
}

/** What must hold of an explanation, whatever the index; checked by searching. */
function check(why: Explanation, index: Index, q: Float32Array, params: object): void {
	const { labels } = index.search(q, why.k, params);
	const finds = (changed: object): boolean => {
		const { k = why.k, ...rest } = { ...params, ...changed } as { k?: number };
		return k > 0 && index.search(q, k, rest).labels.includes(why.label);
	};
	const at = labels.indexOf(why.label);
	expect(why.position).toBe(at < 0 ? undefined : at + 1);
	expect(why.verdict === 'found').toBe(at >= 0);
	if (why.verdict === 'found' || why.verdict === 'outranked') expect(why.fix).toBeUndefined();
	if (why.verdict === 'cell not probed') expect(why.probed).toBe(false);
	if (why.verdict === 'code too coarse') expect(why.probed ?? true).toBe(true);
	if (why.fix !== undefined) {
		expect(finds(why.fix), `${why.text} ${JSON.stringify(why.fix)}`).toBe(true);
		for (const less of oneLess(why)) expect(finds(less), `${why.text} ${JSON.stringify(less)}`).toBe(false);
	}
	expect(why.text).toMatch(/^Label \d+ was (found|missed)[^\n]*\.$/);
	expect(String(why)).toBe(why.text);
	expect(Object.isFrozen(why)).toBe(true);
}

describe.each(METRICS)('%s', (metric) => {
	const truth = exactNeighbors(base, queries, K, { metric });

	it.each(KINDS.map((kind) => [kind.name, kind] as const))('%s: what is said holds', (_, kind) => {
		using index = filled(kind.make(D, metric));
		const seen = new Set<string>();
		for (let i = 0; i < queries.n; i++) {
			const q = queries.row(i);
			const ids = truth.hits(i).map(({ label }) => label);
			for (const params of kind.hasCells ? [{ nprobe: 1 }, { nprobe: 3 }, {}] : [{}]) {
				const far = [3, 500];
				for (const why of explain(index, q, [...ids, ...far], { ...params, k: K, vectors: base })) {
					check(why, index, q, params);
					seen.add(why.verdict);
					expect(why.exact).toBeCloseTo(DISTANCES[metric](q, base.row(why.label)), 2);
					expect(why.estimated).toBeDefined();
					expect(why.error).toBe(why.estimated! - why.exact!);
					// Of those asked about only true neighbours are near enough.
					if (!far.includes(why.label) && why.exactRank !== undefined && kind.name !== 'PCA20,IVF8,Flat') {
						expect(why.exactRank).toBe(ids.indexOf(why.label) + 1);
					}
				}
			}
		}
		expect(seen).toContain('found');
		expect(seen).toContain('outranked');
		if (kind.hasCells) expect(seen).toContain('cell not probed');
	});
});

/** Ranks and cells by the plainest means. */
it.each(['l2', 'ip', 'cosine'] as Metric[])('cells and ranks are those of a sort, %s', (metric) => {
	using index = new IndexIVFPQ({ d: D, metric, nlist: 16, m: 4 });
	index.train(base).add(base);
	const { centroids } = index;
	const cellOf = index.assign(base);
	const sign = metric === 'l2' ? 1 : -1;
	for (let i = 0; i < 5; i++) {
		const q = queries.row(i);
		const unit = metric === 'cosine' ? q.map((v) => v / Math.sqrt(innerProduct(q, q))) : q;
		const toCell = Array.from({ length: 16 }, (_, c) =>
			(metric === 'l2' ? squaredL2 : innerProduct)(unit, centroids.subarray(c * D, (c + 1) * D)),
		);
		const order = [...toCell.keys()].sort((a, b) => sign * (toCell[a]! - toCell[b]!));
		const nprobe = 5;
		const every = index.search(q, base.n, { nprobe: 16 }).hits();
		for (const label of [0, 17, 400]) {
			const why = explain(index, q, label, { nprobe });
			const cell = cellOf[label]!;
			expect(why.cell).toBe(cell);
			expect(why.cellRank).toBe(order.indexOf(cell) + 1);
			expect(why.cellDistance).toBeCloseTo(toCell[cell]!, 2);
			expect(why.probed).toBe(order.indexOf(cell) < nprobe);
			expect([why.nlist, why.cellsOpened, why.candidates]).toEqual([16, nprobe, 10]);
			const open = new Set(order.slice(0, Math.max(nprobe, why.cellRank!)));
			const among = every.filter((hit) => open.has(cellOf[hit.label]!));
			expect(why.estimatedRank).toBe(among.findIndex((hit) => hit.label === label) + 1);
			expect(why.estimated).toBe(among[why.estimatedRank! - 1]!.distance);
			expect([why.exact, why.exactRank, why.error]).toEqual([undefined, undefined, undefined]);
		}
	}
});

describe('verdicts', () => {
	const truth = exactNeighbors(base, queries, K);
	const all = (index: Index, params: object): Explanation[] =>
		Array.from({ length: queries.n }, (_, i) =>
			explainMissed(index, queries.row(i), truth.labels.subarray(i * K, (i + 1) * K), params),
		).flat();

	it('a coarse code in a store that knows better: kFactor finds it', () => {
		using index = new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 8, m: 2, nbits: 4 }), kFactor: 1 });
		filled(index);
		const missed = all(index, { nprobe: 8 });
		expect(missed.length).toBeGreaterThan(5);
		for (const why of missed) {
			expect(why.verdict).toBe('code too coarse');
			expect(why.estimatedRank).toBe(Math.ceil(K * why.fix!.kFactor!));
			expect(Object.keys(why.fix!)).toEqual(['kFactor']);
			expect(why.text).toContain('were kept');
		}
	});

	it('a cell not opened and a coarse code: both together find it', () => {
		using index = new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 32, m: 2, nbits: 4 }), kFactor: 1 });
		filled(index);
		const closed = all(index, { nprobe: 1 }).filter(({ verdict }) => verdict === 'cell not probed');
		expect(closed.length).toBeGreaterThan(5);
		expect(closed.map(({ fix }) => Object.keys(fix!).join())).toContain('nprobe,kFactor');
		expect(closed.map(({ fix }) => Object.keys(fix!).join())).toContain('nprobe');
	});

	it('a store that is itself coarse: nothing finds it', () => {
		using index = new IndexRefine({ base: new IndexFlat({ d: D }), store: { pq: { m: 2, nbits: 4 } }, kFactor: 5 });
		filled(index);
		const missed = explainMissed(index, queries.row(0), truth.labels.subarray(0, K), { vectors: base });
		expect(missed.length).toBeGreaterThan(0);
		for (const why of missed) {
			expect([why.verdict, why.fix]).toEqual(['store too coarse', undefined]);
			expect(why.text).toContain('No parameters of the search find it.');
		}
	});

	it('dimensions that a transform drops count as a coarse code, when the vectors are given', () => {
		using index = new IndexPreTransform({
			transforms: [new PCATransform({ dIn: D, dOut: 2 })],
			index: new IndexFlat({ d: 2 }),
		});
		filled(index);
		const missed = explainMissed(index, queries.row(0), truth.labels.subarray(0, K), { vectors: base });
		expect(missed.map(({ verdict }) => verdict)).toContain('code too coarse');
	});

	it('a walk that went by: efSearch finds it', () => {
		const many = clustered(4000, D, { clusters: 60, seed: 3 });
		using index = new IndexHNSW({ d: D, M: 2, efConstruction: 4 });
		index.add(many);
		const near = exactNeighbors(many, queries, K);
		let reached = 0;
		for (let i = 0; i < queries.n; i++) {
			const q = queries.row(i);
			for (const why of explainMissed(index, q, near.labels.subarray(i * K, (i + 1) * K), { efSearch: 10 })) {
				expect(why.verdict).toBe('not reached');
				check(why, index, q, { efSearch: 10 });
				if (why.fix?.efSearch !== undefined) reached++;
			}
		}
		expect(reached).toBeGreaterThan(0);
	});

	it('cells ranked by a graph, which can miss near ones', () => {
		const many = clustered(4000, 8, { clusters: 60, seed: 3 });
		using index = new IndexIVFFlat({ d: 8, nlist: 1200, coarse: 'hnsw' });
		index.train(many, { niter: 2 }).add(many);
		const verdicts = new Set<string>();
		for (let i = 0; i < 20; i++) {
			const q = many.row(i * 150);
			for (const why of explain(index, q, exactNeighbors(many, q, 3).labels, { k: 3, nprobe: 2 })) {
				check(why, index, q, { nprobe: 2 });
				verdicts.add(why.verdict);
			}
		}
		expect([...verdicts].sort()).toEqual(['cell not probed', 'found']);
		const { recall, losses } = measureRecall(index, { k: 3, nprobe: 2, sample: 50 });
		expect(losses.cellNotProbed).toBeGreaterThan(0.05);
		expect(losses.codeTooCoarse).toBe(0);
		expect(recall.mean + losses.cellNotProbed).toBeCloseTo(1, 10);
	});

	it('more candidates than the cells hold: the cells opened on the way are counted', () => {
		using index = new IndexRefine({ base: new IndexIVFPQ({ d: D, nlist: 64, m: 4 }), kFactor: 20 });
		filled(index);
		for (let i = 0; i < queries.n; i++) {
			const q = queries.row(i);
			for (const why of explain(index, q, [1, 2, 3, ...truth.labels.subarray(i * K, (i + 1) * K)], { nprobe: 1 })) {
				expect(why.cellsOpened).toBeGreaterThan(1);
				check(why, index, q, { nprobe: 1 });
			}
		}
	});

	it('reads as a sentence', () => {
		using flat = new IndexFlat({ d: 2 });
		flat.add([
			[0, 0],
			[3, 4],
			[1, 1],
		]);
		expect(explain(flat, [1, 2], 2, { k: 2 }).text).toBe('Label 2 was found at position 1.');
		expect(explain(flat, [1, 2], 1, { k: 2 }).text).toBe(
			'Label 1 was missed: it is not among the 2 nearest, its exact rank is 3.',
		);
		using cells = new IndexIVFFlat({ d: 2, nlist: 2 });
		cells.setTrained(Float32Array.from([0, 0, 10, 0]), 1);
		cells.add([
			[1, 0],
			[4.9, 0],
			[5.1, 0],
			[9, 0],
		]);
		expect(explain(cells, [4.8, 0], 2, { k: 2, nprobe: 1 }).text).toBe(
			'Label 2 was missed: its cell 1 is the 2nd nearest of 2, and 1 was opened. nprobe 2 finds it.',
		);
		expect(explain(cells, [4.8, 0], 1, { k: 1, nprobe: 1 }).text).toBe(
			'Label 1 was found in cell 0, nearest of 2, at position 1.',
		);
	});
});

describe('ids and refusals', () => {
	it('labels are ids under IndexIDMap', () => {
		using index = new IndexIDMap({ index: new IndexIVFPQ({ d: D, nlist: 8, m: 4 }) });
		index.train(base).addWithIds(
			base,
			Float64Array.from({ length: base.n }, (_, i) => 5000 + 3 * i),
		);
		const q = queries.row(0);
		const [nearest] = index.search(q, 1).labels;
		const why = explain(index, q, nearest!, { vectors: base });
		expect([why.label, why.verdict, why.position]).toEqual([nearest, 'found', 1]);
		expect(why.exact).toBeCloseTo(squaredL2(q, base.row((nearest! - 5000) / 3)), 2);
		const byId = explain(index, q, nearest!, { vectors: (id) => base.row((id - 5000) / 3) });
		expect([byId.exact, byId.exactRank]).toEqual([why.exact, undefined]);
		expect(() => explain(index, q, 5001)).toThrow('explain: no vector has label 5001; there are 1200');
	});

	it('refuses what cannot be', () => {
		using index = new IndexPQ({ d: D, m: 4 });
		expect(() => explain(index, queries.row(0), 0)).toThrow('IndexPQ.explain: call train first');
		filled(index);
		expect(() => explain(index, queries.slice(0, 2), 0)).toThrow('explain: query must be one vector, got 2');
		expect(() => explain(index, queries.row(0), base.n)).toThrow('explain: no vector has label 1200');
		expect(() => explain(index, queries.row(0), 0, { nprobe: 2 })).toThrow('unknown option "nprobe"');
		expect(() => explain(index, queries.row(0), 0, { k: 0 })).toThrow('explain: k must be an integer in 1..65536');
		expect(() => explain(index, queries.row(0), 0, { vectors: queries })).toThrow('vectors must be the 1200 rows');
		expect(() => explain(index, queries.row(0), 0, { vectors: 3 as never })).toThrow('vectors must be a VectorSet');
		expect(() => explain(index, queries.row(0), 0, { vectors: () => [1] })).toThrow('vectors(0) has 1 values');
	});
});
