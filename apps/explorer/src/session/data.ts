/** The vectors that are open, and where they came from: a generator, a file of vectors, or an index that is asked for them. */

import {
	type Index,
	IndexIDMap,
	openFaissIndex,
	openIndex,
	openVectorSource,
	type Progress,
	type RangeSource,
	VecinoError,
	VectorSet,
} from 'vecino';
import { fitPlane, type Plane, project } from '../compute/plane.ts';
import { Random } from '../compute/random.ts';
import { BUILT_IN_SETS, makeSet, type SetId } from '../compute/sets.ts';
import { MAX_SHOWN } from '../protocol.ts';

export interface Data {
	readonly name: string;
	readonly x: VectorSet;
	/** Vectors in the file. */
	readonly total: number;
	/** Label of each row, ascending; undefined where they are 0, 1, 2, ... */
	readonly labels: Float64Array | undefined;
	readonly notes: readonly string[];
	/** The index that was in the file. */
	readonly index: Index | undefined;
	readonly plane: Plane;
	/** Places of all rows, layout (n, 2). */
	readonly places: Float32Array<ArrayBuffer>;
	/** Rows that are drawn. */
	readonly shown: Uint32Array<ArrayBuffer>;
}

export interface Run {
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** float32 that are held of a file; more is sampled. The index holds them once more. */
export const MAX_FLOATS = 24 * 2 ** 20;
/** A sample is read in this many pieces, spread evenly over the file. */
const PIECES = 64;

export function makeData(set: SetId): Data {
	const { title } = BUILT_IN_SETS.find(({ id }) => id === set)!;
	return finish(title, makeSet(set), {});
}

/** Opens a file of vectors (.npy, .fvecs, .bvecs, .ivecs), a .vecino index or a FAISS index, told apart by content. */
export async function openData(
	source: RangeSource,
	name: string,
	run: Run,
	maxFloats: number = MAX_FLOATS,
): Promise<Data> {
	if (source.byteLength === 0) throw new VecinoError('corrupt-data', `${name}: the file is empty`);
	const head = await source.read(0, Math.min(8, source.byteLength));
	const start = String.fromCharCode(...head);
	if (start.startsWith('VECINO')) return fromIndex(await openIndex(source, run), name, maxFloats);
	// FAISS names the class of an index in four letters, as Ix.. or I..., with no zero byte among them.
	if (/^I[A-Za-z0-9]{3}/.test(start)) return fromIndex(await openFaissIndex(source, run), name, maxFloats);
	return fromVectors(source, name, run, maxFloats);
}

async function fromVectors(source: RangeSource, name: string, run: Run, maxFloats: number): Promise<Data> {
	const file = await openVectorSource(source, { name, signal: run.signal });
	const { n, d } = file;
	if (n < 2) throw new VecinoError('unsupported', `${name}: it holds ${n} vectors, and two are the least to search in`);
	const keep = Math.min(n, Math.max(2, Math.floor(maxFloats / d)));
	const data = new Float32Array(keep * d);
	const pieces = keep === n ? Math.ceil((n * d) / 2 ** 21) : Math.min(PIECES, keep);
	for (let piece = 0; piece < pieces; piece++) {
		const at = Math.floor((keep * piece) / pieces);
		const count = Math.floor((keep * (piece + 1)) / pieces) - at;
		const start = keep === n ? at : Math.floor((n * piece) / pieces);
		data.set(await file.read(start, count, { signal: run.signal }), at * d);
		run.onProgress?.({ phase: 'read', done: at + count, total: keep });
	}
	const notes =
		keep === n
			? []
			: [
					`Read ${keep.toLocaleString('en')} of ${n.toLocaleString('en')} rows, in ${pieces} pieces spread evenly over the file: that is what fits in this page. Labels count the rows that were read.`,
				];
	return finish(name, new VectorSet(data, d), { total: n, notes });
}

function fromIndex(index: Index, name: string, maxFloats: number): Data {
	try {
		if (!index.isTrained || index.ntotal < 2) {
			const what = index.isTrained ? `holds ${index.ntotal} vectors` : 'is not trained yet';
			throw new VecinoError('unsupported', `${name}: the ${index.type} in it ${what}, so there is nothing to search`);
		}
		if (index.ntotal * index.d > 2 * maxFloats) {
			const most = Math.floor((2 * maxFloats) / index.d);
			throw new VecinoError(
				'unsupported',
				`${name}: an index of ${index.ntotal.toLocaleString('en')} vectors; this page takes up to ${most.toLocaleString('en')} of ${index.d} numbers`,
			);
		}
		const all = labelsOf(index);
		const x = index.reconstructMany(all);
		const labels = all.some((label, row) => label !== row) ? all : undefined;
		const notes = [
			`The file holds an index (${index.type}), shown as it is. Its vectors are what its codes stand for, and the exact neighbours are those among them.`,
		];
		return finish(name, new VectorSet(Float32Array.from(x.data), x.d), { labels, notes, index });
	} catch (error) {
		index[Symbol.dispose]();
		throw error;
	}
}

function labelsOf(index: Index): Float64Array {
	if (index instanceof IndexIDMap) return Float64Array.from(index.ids).sort();
	const labels = new Float64Array(index.ntotal);
	let count = 0;
	for (let label = 0; label < index.labelEnd; label++) if (index.has(label)) labels[count++] = label;
	return labels.subarray(0, count);
}

function finish(
	name: string,
	x: VectorSet,
	{ total = x.n, labels, notes = [], index }: Partial<Pick<Data, 'total' | 'labels' | 'notes' | 'index'>>,
): Data {
	const plane = fitPlane(x);
	const shown = new Random(2).sample(x.n, MAX_SHOWN);
	return { name, x, total, labels, notes, index, plane, places: project(x, plane), shown };
}

/** Row of a label; -1 when there is none. */
export function rowOf({ labels, x }: Data, label: number): number {
	if (labels === undefined) return label >= 0 && label < x.n ? label : -1;
	let low = 0;
	let high = labels.length;
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (labels[middle]! < label) low = middle + 1;
		else high = middle;
	}
	return labels[low] === label ? low : -1;
}
