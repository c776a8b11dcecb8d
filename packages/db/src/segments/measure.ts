/**
 * Measures what recall each setting of a model's search parameters reaches over the rows that it holds: rows of the
 * collection that were not trained with are the queries (each without itself), the truth is found on the builder thread
 * over all rows, streamed, and the searches run here, a few milliseconds at a time, on the index that answers queries.
 */

import { cosineSimilarity, innerProduct, isBetter, type Metric, type RecallSetting, squaredL2 } from 'vecino';
import { commitWhenFree } from './commit.ts';
import type { ModelGroup } from './group.ts';
import type { Measured } from './measured.ts';
import type { Part, SearchSetting } from './parts.ts';
import { searchParts } from './search.ts';
import type { State } from './state.ts';
import { type RowVectors, sampleOf } from './vectors.ts';

const K = 10;
/** Recall from which dearer settings are not tried any more. */
const ENOUGH = 0.999;
/** Recall that fewer candidates may cost. */
const FACTOR_LOSS = 0.0015;
const FACTORS = [2, 4, 8, 16, 32, 64];
const EFS = [16, 32, 64, 128, 256, 512];
const SLICE_MS = 4;

/** Measures, and keeps what was measured in the manifest. */
export async function measure(state: State, group: ModelGroup): Promise<void> {
	const parts = group.parts.filter(({ count }) => count > 0);
	const queries = await sampleOf(state, state.limits.queries, true, parts);
	const settings: RecallSetting[] = [];
	if (queries.rids.length > 0) {
		const truth = await truthOf(state, group, parts, queries);
		settings.push(...(await settingsOf(state, group, queries, truth)));
	}
	const measured: Measured = { rows: group.count, k: K, settings };
	await commitWhenFree(state, () => ({ measured: { model: group.name, measured: JSON.stringify(measured) } }));
	group.measured = measured;
}

/** What is right for one query. */
interface Right {
	/** Rids of the K nearest rows, the query itself left out; and further ones that were found to be as near. */
	readonly rids: Set<number>;
	readonly size: number;
	/** Distance of the last of them. */
	readonly last: number;
	/** Rids found to be further. */
	readonly wrong: Set<number>;
}

/** The K nearest rows of each query. */
async function truthOf(state: State, group: ModelGroup, parts: readonly Part[], queries: RowVectors): Promise<Right[]> {
	const nq = queries.rids.length;
	const k = K + 1;
	const best = Array.from({ length: nq }, () => ({ rids: [] as number[], distances: [] as number[] }));
	for await (const { rids, vectors } of rowsOf(state, group, parts)) {
		state.checkOpen();
		const { d, metric } = state;
		const found = await state.maker.truth({ d, metric, k, queries: queries.vectors, rows: vectors });
		for (let i = 0; i < nq; i++) {
			const row = best[i]!;
			for (let j = i * k; j < (i + 1) * k && found.labels[j]! >= 0; j++) {
				insert(row, rids[found.labels[j]!]!, found.distances[j]!, k, (a, b) => isBetter(metric, a, b));
			}
		}
		await state.pause();
	}
	return best.map(({ rids, distances }, i) => {
		const own = queries.rids[i]!;
		const others = [...rids.keys()].filter((j) => rids[j] !== own).slice(0, K);
		const last = others.length === 0 ? Number.NaN : distances[others.at(-1)!]!;
		return { rids: new Set(others.map((j) => rids[j]!)), size: others.length, last, wrong: new Set() };
	});
}

/**
 * Whether a row is as near as the last of those that are right: there may be many copies of a row, of which any is as good
 * as another.
 */
function isRight(state: State, right: Right, q: Float32Array, rid: number): boolean {
	if (right.rids.has(rid)) return true;
	if (right.wrong.has(rid)) return false;
	const { rows, metric } = state;
	const x = rows.keepsOriginals ? rows.vectorsOf([rid]) : undefined;
	const tied = x !== undefined && isTied(metric, distance(metric, q, x), right.last);
	(tied ? right.rids : right.wrong).add(rid);
	return tied;
}

function isTied(metric: Metric, found: number, last: number): boolean {
	return !isBetter(metric, last, found) || Math.abs(found - last) <= TIED * Math.abs(last);
}

function distance(metric: Metric, q: Float32Array, x: Float32Array): number {
	if (metric === 'l2') return squaredL2(q, x);
	return metric === 'ip' ? innerProduct(q, x) : cosineSimilarity(q, x);
}

/** Rounding of distances that are the same. */
const TIED = 1e-5;

function insert(
	row: { rids: number[]; distances: number[] },
	rid: number,
	distance: number,
	k: number,
	better: (a: number, b: number) => boolean,
): void {
	let at = row.rids.length;
	while (at > 0 && better(distance, row.distances[at - 1]!)) at--;
	if (at >= k) return;
	row.rids.splice(at, 0, rid);
	row.distances.splice(at, 0, distance);
	if (row.rids.length > k) {
		row.rids.pop();
		row.distances.pop();
	}
}

/** All rows of some parts: originals where they are kept. */
async function* rowsOf(
	state: State,
	group: ModelGroup,
	parts: readonly Part[],
): AsyncGenerator<RowVectors, void, undefined> {
	const { d, rows } = state;
	const pieceRows = Math.max(1, state.limits.pieceRows >> 1);
	if (rows.keepsOriginals) {
		const upTo = rows.sealedUpTo();
		for (let after = 0; after < upTo; ) {
			const piece = rows.vectorsAfter(after, upTo, pieceRows);
			if (piece.rids.length === 0) return;
			after = piece.rids.at(-1)!;
			const held = piece.rids.filter((rid) => group.has(rid));
			if (held.length === piece.rids.length) {
				yield { rids: held, vectors: piece.vectors.slice() };
				continue;
			}
			const vectors = new Float32Array(held.length * d);
			let n = 0;
			for (const [i, rid] of piece.rids.entries()) {
				if (rid === held[n]) vectors.set(piece.vectors.subarray(i * d, (i + 1) * d), n++ * d);
			}
			if (held.length > 0) yield { rids: held, vectors };
		}
		return;
	}
	for (const part of parts) {
		for (let start = 0; start < part.labels; start += pieceRows) {
			const labels: number[] = [];
			const end = Math.min(part.labels, start + pieceRows);
			for (let label = start; label < end; label++) if (part.index.has(label)) labels.push(label);
			if (labels.length === 0) continue;
			const rids = Float64Array.from(labels, (label) => part.map.ridOf(label));
			yield { rids, vectors: part.index.reconstructMany(labels).data.slice() as Float32Array<ArrayBuffer> };
		}
	}
}

/** Settings from cheap to dear. */
async function settingsOf(
	state: State,
	group: ModelGroup,
	queries: RowVectors,
	truth: readonly Right[],
): Promise<RecallSetting[]> {
	const { traits } = group;
	const lists = group.cells?.stats().lists;
	const reach = (setting: SearchSetting): Promise<number> => recallOf(state, group, setting, queries, truth);
	const settings: RecallSetting[] = [];
	const keep = async (setting: SearchSetting): Promise<number> => {
		const recall = await reach(setting);
		if (recall > (settings.at(-1)?.recall ?? -1)) settings.push({ recall, ...setting });
		return recall;
	};
	if (traits.graph) {
		for (const efSearch of EFS) if ((await keep({ efSearch })) >= ENOUGH) break;
		return settings;
	}
	const all = lists === undefined ? undefined : lists.nlist;
	const wide = all === undefined ? {} : { nprobe: Math.min(all, Math.max(16, 4 * lists!.nprobe)) };
	let kFactor: number | undefined;
	if (traits.refines) {
		const most = await reach({ ...wide, kFactor: FACTORS.at(-1)! });
		kFactor = FACTORS.at(-1)!;
		for (const factor of FACTORS) {
			if ((await reach({ ...wide, kFactor: factor })) < most - FACTOR_LOSS) continue;
			kFactor = factor;
			break;
		}
	}
	const factor = kFactor === undefined ? {} : { kFactor };
	if (all === undefined) {
		await keep(factor);
		return settings;
	}
	let before = -1;
	for (let nprobe = Math.max(1, lists!.nprobe >> 2); ; nprobe = Math.min(all, Math.ceil(nprobe * 1.4))) {
		const recall = await keep({ nprobe, ...factor });
		if (recall >= ENOUGH || nprobe >= all || (recall - before < 0.0005 && nprobe > wide.nprobe!)) break;
		before = recall;
	}
	// The most that there is to be had, for those who ask for it.
	if (traits.refines) await keep({ nprobe: Math.min(all, 4 * (settings.at(-1)?.nprobe ?? 1)), kFactor: 2 * kFactor! });
	return settings;
}

/** Mean recall of the queries over the parts of a group. */
async function recallOf(
	state: State,
	group: ModelGroup,
	setting: SearchSetting,
	queries: RowVectors,
	truth: readonly Right[],
): Promise<number> {
	const { d } = state;
	let [sum, counted] = [0, 0];
	let start = performance.now();
	for (const [i, wanted] of truth.entries()) {
		if (wanted.size === 0) continue;
		const q = queries.vectors.subarray(i * d, (i + 1) * d);
		const searches = group.parts.map((part) => ({ part, filter: undefined, setting }));
		const own = queries.rids[i]!;
		const hits = searchParts(searches, q, K + 1, state.metric);
		const found = hits.rids.filter((rid) => rid !== own).subarray(0, K);
		let right = 0;
		for (const rid of found) if (isRight(state, wanted, q, rid)) right++;
		sum += Math.min(1, right / wanted.size);
		counted++;
		if (performance.now() - start < SLICE_MS) continue;
		await state.pause();
		start = performance.now();
	}
	return counted === 0 ? 1 : sum / counted;
}
