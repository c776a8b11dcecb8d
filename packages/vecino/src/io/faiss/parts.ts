/**
 * The parts that FAISS's indexes are made of: header, quantizers, inverted lists, graphs. Each is read once, in order;
 * long arrays are passed over and read when the index is filled.
 */

import { MAX_D } from '../../core/vectors.ts';
import { MAX_NTOTAL } from '../../indexes/base.ts';
import { MAX_EF, MAX_HNSW_M } from '../../indexes/hnsw.ts';
import { MAX_NBITS, MIN_NBITS } from '../../quantizers/product.ts';
import { hasRanges, type ScalarType, scalarCodeSize } from '../../quantizers/scalar-types.ts';
import { pqCodeSize } from '../index-node.ts';
import type { Reading } from '../reading.ts';
import type { Block, FaissFile } from './file.ts';
import type { Shape } from './tree.ts';

export const MAX_NLIST: number = 2 ** 24;
/** Metrics of FAISS that vecino does not have. */
const METRICS: Readonly<Record<number, string>> = {
	2: 'L1',
	3: 'Linf',
	4: 'Lp',
	20: 'Canberra',
	21: 'BrayCurtis',
	22: 'JensenShannon',
	23: 'Jaccard',
};

/** What every index begins with: d, ntotal, two fields of no meaning, whether it is trained, metric. */
export function* readShape(file: FaissFile): Reading<Shape> {
	const start = file.at;
	const d = yield* file.i32();
	if (d < 1) throw file.fault(`d must be at least 1, got ${d}`, start);
	if (d > MAX_D) throw file.unsupported(`d = ${d}, more than the ${MAX_D} that vecino takes`, start);
	const ntotal = yield* file.size('ntotal');
	if (ntotal > MAX_NTOTAL) throw file.unsupported(`ntotal = ${ntotal}, more than ${MAX_NTOTAL}`, start + 4);
	file.pass(2, 8);
	const isTrained = yield* file.bool('is_trained');
	const metric = yield* file.i32();
	if (metric !== 0 && metric !== 1) {
		const known = METRICS[metric];
		if (known === undefined) throw file.fault(`metric ${metric} does not exist`, file.at - 4);
		throw file.unsupported(`metric ${known}; vecino has L2 and inner product`, file.at - 4);
	}
	if (!isTrained && ntotal > 0) throw file.fault(`ntotal = ${ntotal} in an index that is not trained`, start);
	return { d, ntotal, isTrained, metric: metric === 1 ? 'l2' : 'ip' };
}

export interface PQPart {
	readonly m: number;
	readonly nbits: number;
	readonly codeSize: number;
	readonly codebook: Block;
}

/** d, M, nbits, centroids (M, ksub, dsub). */
export function* readPQ(file: FaissFile, d: number): Reading<PQPart> {
	const start = file.at;
	yield* file.size('d of the product quantizer', d, d);
	const m = yield* file.size('M', 1, d);
	if (d % m !== 0) throw file.fault(`M = ${m} does not divide d = ${d}`, start + 8);
	const nbits = yield* file.size('nbits', 1, 24);
	if (nbits < MIN_NBITS || nbits > MAX_NBITS) {
		const range = `${MIN_NBITS} to ${MAX_NBITS}`;
		throw file.unsupported(`a product quantizer of ${nbits} bits; vecino has ${range}`, start + 16);
	}
	const codebook = yield* file.block('the codebook', 4, d * 2 ** nbits);
	return { m, nbits, codeSize: pqCodeSize(m, nbits), codebook };
}

export interface SQPart {
	readonly type: ScalarType;
	readonly codeSize: number;
	/** Smallest values and steps of decoded vectors, size d each, for 'sq8' and 'sq4'; absent when not trained. */
	readonly mins?: Float32Array<ArrayBuffer>;
	readonly steps?: Float32Array<ArrayBuffer>;
}

/** By qtype: what it is here. A `uniform` one has one range for all dimensions; `direct` codes are the values. */
const QTYPES: readonly (readonly [name: string, type?: ScalarType, ranges?: 'uniform' | 'direct'])[] = [
	['8bit', 'sq8'],
	['4bit', 'sq4'],
	['8bit_uniform', 'sq8', 'uniform'],
	['4bit_uniform', 'sq4', 'uniform'],
	['fp16', 'f16'],
	['8bit_direct', 'sq8', 'direct'],
	['6bit'],
	['bf16', 'bf16'],
	['8bit_direct_signed'],
	['0bit'],
];

/**
 * qtype, two fields on how ranges were found, d, code_size, trained: vmin, then vdiff.
 *
 * FAISS decodes code c of L + 1 levels as vmin + vdiff (c + 1/2) / L; so min = vmin + vdiff / 2 L, step = vdiff / L. Codes
 * of new vectors come out the same, because FAISS rounds down where vecino rounds to the nearest.
 */
export function* readSQ(file: FaissFile, { d, isTrained }: Shape): Reading<SQPart> {
	const start = file.at;
	const qtype = yield* file.i32();
	const [name, type, ranges] = QTYPES[qtype] ?? [`of type ${qtype}`];
	if (type === undefined) {
		throw file.unsupported(`a scalar quantizer ${name}; vecino has 8bit, 4bit, fp16, bf16 and 8bit_direct`, start);
	}
	file.pass(2, 4);
	yield* file.size('d of the scalar quantizer', d, d);
	const codeSize = scalarCodeSize(d, type);
	yield* file.size('the code size of the scalar quantizer', codeSize, codeSize);
	const block = yield* file.block('what the scalar quantizer has learnt', 4);
	if (!hasRanges(type) || !isTrained) return { type, codeSize };
	if (ranges === 'direct') return { type, codeSize, mins: new Float32Array(d), steps: new Float32Array(d).fill(1) };
	const count = ranges === 'uniform' ? 1 : d;
	if (block.count !== 2 * count) throw file.fault(`${block.count} ranges, not ${2 * count}`, block.offset - 8);
	const trained = yield* file.floats(block);
	const levels = type === 'sq8' ? 255 : 15;
	const at = (t: number): number => (count === 1 ? 0 : t);
	const mins = Float32Array.from({ length: d }, (_, t) => trained[at(t)]! + trained[count + at(t)]! / (2 * levels));
	const steps = Float32Array.from({ length: d }, (_, t) => trained[count + at(t)]! / levels);
	const bad = steps.findIndex((step) => !(step >= 0 && step < Number.POSITIVE_INFINITY));
	if (bad >= 0) throw file.fault(`the range of dimension ${bad} is ${trained[count + at(bad)]}`, block.offset);
	return { type, codeSize, mins, steps };
}

/** Lists that are not empty. */
export interface ListEntry {
	readonly listNo: number;
	readonly n: number;
	readonly codes: Block;
	readonly ids: Block;
}

export interface ListsPart {
	/** In the order of the file. */
	readonly entries: readonly ListEntry[];
	/** Of codes in blocks; 0 for codes one after the other. */
	readonly blockSize: number;
	/** Where they begin, for messages. */
	readonly offset: number;
}

/** Inverted lists of ntotal codes in all. */
export function* readListsPart(
	file: FaissFile,
	{ ntotal }: Shape,
	nlist: number,
	codeSize: number,
	blockSize = 0,
): Reading<ListsPart> {
	const offset = file.at;
	const kind = yield* file.code();
	const wanted = blockSize === 0 ? 'ilar' : 'ilbl';
	if (kind === 'il00' || kind === 'ilod') {
		const where = kind === 'il00' ? 'not in the file' : 'in another file (OnDiskInvertedLists)';
		throw file.unsupported(`the inverted lists are ${where}; write the index with ArrayInvertedLists`, offset);
	}
	if (kind !== wanted) {
		if (/^il[a-z0-9]{2}$/.test(kind)) throw file.unsupported(`inverted lists of kind ${kind}, not ${wanted}`, offset);
		throw file.fault(`no inverted lists: ${JSON.stringify(kind)}`, offset);
	}
	yield* file.size('nlist of the lists', nlist, nlist);
	const entries = yield* kind === 'ilar'
		? readArrayLists(file, nlist, codeSize)
		: readBlockLists(file, nlist, codeSize, blockSize);
	const n = entries.reduce((sum, entry) => sum + entry.n, 0);
	if (n !== ntotal) throw file.fault(`the lists hold ${n} codes, the index ${ntotal}`, offset);
	return { entries, blockSize, offset };
}

/** code_size, sizes (all, or pairs of number and size), then codes and ids of each list. */
function* readArrayLists(file: FaissFile, nlist: number, codeSize: number): Reading<ListEntry[]> {
	yield* file.size('the code size of the lists', codeSize, codeSize);
	const start = file.at;
	const form = yield* file.code();
	if (form !== 'full' && form !== 'sprs') throw file.fault(`sizes of lists as ${JSON.stringify(form)}`, start);
	const words = yield* file.block('the sizes of the lists', 8, form === 'full' ? nlist : undefined);
	const sizes: [listNo: number, n: number][] = [];
	let problem: string | undefined;
	const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
	let pending = -1;
	yield* file.parts(words, (bytes, at) => {
		const numbers = view(bytes);
		for (let i = 0; i < bytes.length; i += 8) {
			const value = Number(numbers.getBigUint64(i, true));
			if (form === 'full') {
				if (value > 0) sizes.push([(at + i) / 8, value]);
			} else if (pending < 0) {
				if (!(value < nlist && value > (sizes.at(-1)?.[0] ?? -1))) problem ??= `list ${value} of ${nlist}`;
				pending = value;
			} else {
				if (value > 0) sizes.push([pending, value]);
				pending = -1;
			}
		}
	});
	if (pending >= 0) problem ??= 'half a pair';
	if (problem !== undefined) throw file.fault(`the sizes of the lists are wrong: ${problem}`, words.offset);
	return sizes.map(([listNo, n]) => {
		// Both products are exact, or far above any length of a file.
		const codes = file.pass(n, codeSize);
		return { listNo, n, codes, ids: file.pass(n, 8) };
	});
}

/** code_size (of no meaning), codes and bytes in a block, then ids and blocks of each list, each with its length. */
function* readBlockLists(file: FaissFile, nlist: number, codeSize: number, blockSize: number): Reading<ListEntry[]> {
	file.pass(1, 8);
	yield* file.size('codes in a block', blockSize, blockSize);
	const blockBytes = blockSize * codeSize;
	yield* file.size('bytes of a block', blockBytes, blockBytes);
	const entries: ListEntry[] = [];
	for (let listNo = 0; listNo < nlist; listNo++) {
		const ids = yield* file.block(`the ids of list ${listNo}`, 8);
		const byteLength = Math.ceil(ids.count / blockSize) * blockBytes;
		const codes = yield* file.block(`the codes of list ${listNo}`, 1, byteLength);
		if (ids.count > 0) entries.push({ listNo, n: ids.count, codes, ids });
	}
	return entries;
}

/** Which vectors have an id of their own. A search never looks at it, and it can be made again. */
export function* passDirectMap(file: FaissFile): Reading<void> {
	const type = yield* file.u8();
	if (type > 2) throw file.fault(`a direct map of type ${type}`, file.at - 1);
	yield* file.block('the direct map', 8);
	if (type === 2) yield* file.block('the hash table of the direct map', 16);
}

export interface GraphPart {
	readonly M: number;
	readonly efConstruction: number;
	/** int32 of every row: levels it is on, at least 1. */
	readonly levels: Block;
	/** Links of a row of so many levels. */
	readonly cumulated: Int32Array;
	/** int32, row by row, level by level; -1 behind the last link of a list. */
	readonly links: Block;
}

/** assign_probas, cumulated list lengths, levels, offsets, neighbors, entry_point, max_level, efConstruction, efSearch, one more. */
export function* readGraphPart(file: FaissFile, ntotal: number): Reading<GraphPart> {
	yield* file.block('the probabilities of levels', 8);
	const lengths = yield* file.block('the lengths of levels', 4);
	if (lengths.count > 256) throw file.fault(`${lengths.count} levels`, lengths.offset - 8);
	const cumulated = yield* file.ints(lengths);
	const levels = yield* file.block('the levels of rows', 4, ntotal);
	yield* file.block('the offsets of rows', 8, ntotal + 1);
	const links = yield* file.block('the links', 4);
	file.pass(2, 4);
	const efConstruction = yield* file.i32();
	file.pass(2, 4);
	const M = (cumulated[1] ?? 0) / 2;
	if (cumulated[0] !== 0 || !Number.isInteger(M) || M < 1) throw file.fault('lists of no length', lengths.offset);
	for (let level = 2; level < cumulated.length; level++) {
		if (cumulated[level]! - cumulated[level - 1]! === M) continue;
		throw file.unsupported('a graph whose upper lists are not half as long as the lowest', lengths.offset);
	}
	if (M < 2 || M > MAX_HNSW_M) throw file.unsupported(`M = ${M}; vecino has 2 to ${MAX_HNSW_M}`, lengths.offset);
	return { M, efConstruction: Math.min(MAX_EF, Math.max(1, efConstruction)), levels, cumulated, links };
}
