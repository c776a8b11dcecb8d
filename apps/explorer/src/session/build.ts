/** Indexes over the data, and what the page shows of them. */

import {
	type Engine,
	type Index,
	IndexIDMap,
	IndexIVF,
	IndexPreTransform,
	IndexRefine,
	indexFactory,
	isVecinoError,
	type ProductQuantizer,
	printSpec,
	specOf,
	type Transform,
	VectorSet,
} from 'vecino';
import { project } from '../compute/plane.ts';
import { type BuildInfo, type BuildSettings, TRAIN_OPTIONS } from '../protocol.ts';
import { type Data, type Run, rowOf } from './data.ts';

/** The factory string of the settings. Codes of a product quantizer come with the vectors, for re-ranking. */
export function specText({ nlist, m, nbits }: BuildSettings): string {
	return m === 0 ? `IVF${nlist},Flat` : `IVF${nlist},PQ${m}x${nbits},Refine(Flat)`;
}

/** Trained and filled. The same in Node: indexFactory(d, spec, { pad: true }).train(x, TRAIN_OPTIONS).add(x). */
export async function buildIndex(engine: Engine, x: VectorSet, settings: BuildSettings, run: Run): Promise<Index> {
	const index = indexFactory(x.d, specText(settings), { engine, pad: true });
	try {
		await index.trainAsync(x, { ...TRAIN_OPTIONS, ...run });
		await index.addAsync(x, run);
		return index;
	} catch (error) {
		index[Symbol.dispose]();
		throw error;
	}
}

/** The parts of an index: its cells, and what vectors go through before they reach them. */
export interface Taken {
	readonly index: Index;
	readonly refine: IndexRefine | undefined;
	readonly ivf: IndexIVF | undefined;
	readonly transforms: readonly Transform[];
	readonly pq: ProductQuantizer | undefined;
}

export function takeApart(index: Index): Taken {
	let refine: IndexRefine | undefined;
	const transforms: Transform[] = [];
	let leaf = index;
	for (;;) {
		if (leaf instanceof IndexRefine) {
			refine ??= leaf;
			leaf = leaf.base;
		} else if (leaf instanceof IndexPreTransform) {
			transforms.push(...leaf.transforms);
			leaf = leaf.index;
		} else if (leaf instanceof IndexIDMap) {
			leaf = leaf.index;
		} else {
			break;
		}
	}
	const ivf = leaf instanceof IndexIVF ? leaf : undefined;
	const pq = (leaf as { pq?: ProductQuantizer }).pq;
	return { index, refine, ivf, transforms, pq };
}

/** Numbers and pictures of an index. */
export function describe(data: Data, { index, refine, ivf, transforms, pq }: Taken, seconds: number): BuildInfo {
	const nlist = ivf?.nlist ?? 0;
	const exactCells = data.plane.exact && transforms.length === 0 && index.metric === 'l2';
	/** Cell of every row, size n. */
	const cells = new Uint32Array(data.x.n);
	const sizes = new Uint32Array(nlist);
	const sums = new Float64Array(2 * nlist);
	// An IDMap renames the labels of what it wraps.
	const ids = index instanceof IndexIDMap ? index.ids : undefined;
	for (let cell = 0; cell < nlist; cell++) {
		const labels = ivf!.listLabels(cell);
		sizes[cell] = labels.length;
		for (const label of labels) {
			const row = rowOf(data, ids?.[label] ?? label);
			if (row < 0) continue;
			cells[row] = cell;
			sums[2 * cell]! += data.places[2 * row]!;
			sums[2 * cell + 1]! += data.places[2 * row + 1]!;
		}
	}
	// Behind a transform centroids live elsewhere: the middle of a cell's vectors stands for its centroid.
	const centroids =
		ivf === undefined
			? new Float32Array(0)
			: transforms.length === 0
				? project(new VectorSet(ivf.centroids, index.d), data.plane)
				: Float32Array.from(sums, (sum, i) => sum / Math.max(1, sizes[i >> 1]!));
	const base = refine?.base ?? index;
	return {
		spec: specName(base),
		type: index.type,
		metric: index.metric,
		nlist,
		nprobe: ivf?.nprobe ?? 0,
		m: pq?.m ?? 0,
		nbits: pq?.nbits ?? 0,
		canRefine: refine !== undefined,
		bytes: base.byteLength,
		bytesRefined: index.byteLength,
		cellOf: Uint32Array.from(data.shown, (row) => cells[row]!),
		centroids,
		exactCells,
		sizes,
		seconds,
	};
}

function specName(index: Index): string {
	try {
		return printSpec(specOf(index));
	} catch (error) {
		if (isVecinoError(error)) return index.type;
		throw error;
	}
}
