/**
 * Opening `.vecino` files (spec/format.md) from memory or from any source of ranges.
 *
 * A file is not believed: lengths are compared with those of the source before anything is allocated, and whatever is
 * not as it must be is a VecinoError. When reading fails nothing stays in the arena.
 */

import type { Index } from '../indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../indexes/fast-scan.ts';
import { IndexFlat } from '../indexes/flat.ts';
import { IndexFlatCodes } from '../indexes/flat-codes.ts';
import { IndexHNSW } from '../indexes/hnsw.ts';
import { IndexIDMap } from '../indexes/id-map.ts';
import type { IndexIVF } from '../indexes/ivf.ts';
import { IndexIVFFlat } from '../indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../indexes/ivf-pq.ts';
import { IndexIVFScalarQuantizer } from '../indexes/ivf-scalar-quantizer.ts';
import { IndexPQ } from '../indexes/pq.ts';
import { IndexPreTransform } from '../indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../indexes/rabitq.ts';
import { IndexRefine } from '../indexes/refine.ts';
import { IndexScalarQuantizer } from '../indexes/scalar-quantizer.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import type { FastScanQuantizer } from '../quantizers/fast-scan.ts';
import type { ProductQuantizer } from '../quantizers/product.ts';
import type { ScalarQuantizer } from '../quantizers/scalar.ts';
import { checkBoolean, checkKeys, show } from '../util/check.ts';
import {
	corrupt,
	type FileHeader,
	HEADER_BYTES,
	MINOR,
	newerVersion,
	readHeader,
	type SectionEntry,
} from './format.ts';
import { type FlatNode, type IndexNode, type IVFNode, labelEndOf } from './index-node.ts';
import { HeaderFault, parseIndexNode } from './parse-node.ts';
import { readGraph } from './read-graph.ts';
import { readLists } from './read-lists.ts';
import { type FloatKind, readCodes, readIds, readLive, SectionReader } from './read-sections.ts';
import { fillTransform, makeTransform } from './read-transforms.ts';
import { type Reading, readFromBytes, readFromSource, type SourceReadOptions } from './reading.ts';
import type { RangeSource } from './source.ts';

/** Options of readIndex. */
export interface ReadIndexOptions {
	/** The engine that will hold the index. Default: the shared engine. */
	readonly engine?: Engine | undefined;
	/** Compare checksums. Without them damage may go unnoticed; it never does harm. Default: true. */
	readonly verify?: boolean | undefined;
}

/** Options of openIndex and loadIndex. */
export interface OpenIndexOptions extends ReadIndexOptions, SourceReadOptions {}

/** What the header of a file says. */
export interface IndexFileInfo {
	/** Class of the outermost index. */
	readonly type: string;
	/** Dimension of the vectors. */
	readonly d: number;
	/** Metric of the outermost index. */
	readonly metric: string;
	/** Vectors held. */
	readonly ntotal: number;
	/** Length of the file, bytes. */
	readonly byteLength: number;
	/** Version of the format, like '1.0'. */
	readonly version: string;
	/** The JSON header: the tree of indexes with their options. */
	readonly header: unknown;
	/** In the order of the file; a name is a path in the tree, like `base.codebook`. */
	readonly sections: readonly { readonly name: string; readonly offset: number; readonly byteLength: number }[];
}

const FILE_NAME = 'vecino file';

/**
 * The index in the bytes of a `.vecino` file. Dispose of it after use.
 *
 * @throws VecinoError 'corrupt-data' with the offset; 'unsupported-version' for files of a newer version;
 *   'unsupported' for another kind of file, named where known; 'out-of-memory'.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * using again = readIndex(writeIndex(index.add([[0, 0], [3, 4]])));
 * console.log(again.search([3, 3], 1).labels[0]); // 1
 */
export function readIndex(bytes: Uint8Array, options: ReadIndexOptions = {}): Index {
	const where = 'readIndex';
	if (!(bytes instanceof Uint8Array)) throw new TypeError(`${where}: bytes must be a Uint8Array, got ${show(bytes)}`);
	checkKeys(where, options, ['engine', 'verify']);
	return readFromBytes(reading(where, bytes.byteLength, options, FILE_NAME), bytes);
}

/**
 * The same from a source of ranges, in parts of at most 4 MiB.
 *
 * @throws as readIndex; VecinoError 'aborted', 'storage'; what the source throws.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * const source = bytesSource(writeIndex(index.add([[0, 0], [3, 4]])));
 * using again = await openIndex(source, { onProgress: ({ done, total }) => void (done / total) });
 * console.log(again.ntotal); // 2
 */
export async function openIndex(source: RangeSource, options: OpenIndexOptions = {}): Promise<Index> {
	checkKeys('openIndex', options, ['engine', 'verify', 'signal', 'onProgress']);
	return openIndexNamed(source, options, FILE_NAME);
}

/** openIndex with a name of the file for messages. @internal */
export async function openIndexNamed(source: RangeSource, options: OpenIndexOptions, name: string): Promise<Index> {
	const where = 'openIndex';
	return readFromSource(reading(where, lengthOf(where, source), options, name), source, options);
}

/**
 * What a file holds, from its header alone: some hundred bytes.
 *
 * @throws as readIndex, for what is wrong with the header.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * const { type, d, ntotal, version } = await inspectIndex(bytesSource(writeIndex(index.add([[0, 0]]))));
 * console.log(type, d, ntotal, version); // IndexFlat 2 1 1.0
 */
export async function inspectIndex(source: RangeSource): Promise<IndexFileInfo> {
	return inspectIndexNamed(source, FILE_NAME);
}

/** @internal */
export async function inspectIndexNamed(source: RangeSource, name: string): Promise<IndexFileInfo> {
	const { header, root, sections } = await readFromSource(readTree(lengthOf('inspectIndex', source), name), source);
	const { type, d, metric, ntotal } = root;
	return {
		type,
		d,
		metric,
		ntotal,
		byteLength: header.byteLength,
		version: `${header.major}.${header.minor}`,
		header: header.json,
		sections: sections.map(({ name, offset, byteLength }) => ({ name, offset, byteLength })),
	};
}

/** @internal */
export function lengthOf(where: string, source: RangeSource): number {
	const byteLength: unknown = source?.byteLength;
	if (typeof byteLength === 'number' && Number.isSafeInteger(byteLength) && byteLength >= 0) return byteLength;
	throw new TypeError(`${where}: source must be a RangeSource with its byteLength, got ${show(source)}`);
}

function reading(where: string, byteLength: number, options: ReadIndexOptions, name: string): Reading<Index> {
	const verify = checkBoolean(where, 'verify', options.verify ?? true);
	return readWhole(byteLength, options.engine ?? defaultEngine(), verify, name);
}

function* readWhole(byteLength: number, engine: Engine, verify: boolean, name: string): Reading<Index> {
	const { header, root, sections } = yield* readTree(byteLength, name);
	const index = makeIndex(root, engine);
	let done = false;
	try {
		yield* fill(index, root, new SectionReader(name, engine.arena, verify, sections, header.end));
		index.recallTable = root.recallTable;
		done = true;
		return index;
	} finally {
		if (!done) index[Symbol.dispose]();
	}
}

interface FileTree {
	readonly header: FileHeader;
	readonly root: IndexNode;
	readonly sections: readonly (SectionEntry & { readonly name: string })[];
}

/** The header, understood, and its sections, which have the lengths that it demands. */
function* readTree(byteLength: number, name: string): Reading<FileTree> {
	const header = yield* readHeader(byteLength, name);
	try {
		const { root, sections: specs } = parseIndexNode(header.json);
		if (specs.length !== header.sections.length) {
			throw new HeaderFault(`the index has ${specs.length} sections, the file ${header.sections.length}`);
		}
		const sections = header.sections.map((section, i) => {
			const spec = specs[i]!;
			if (section.byteLength >= spec.min && section.byteLength <= spec.max) return { ...section, name: spec.name };
			const expected = spec.min === spec.max ? `${spec.min}` : `${spec.min} to ${spec.max}`;
			throw new HeaderFault(`section ${i} (${spec.name}) must have ${expected} bytes, it has ${section.byteLength}`);
		});
		return { header, root, sections };
	} catch (error) {
		if (!(error instanceof HeaderFault)) throw error;
		if (header.minor > MINOR) {
			throw newerVersion(
				name,
				`${header.major}.${header.minor}`,
				`, and holds what it does not know: ${error.message}`,
			);
		}
		throw corrupt(name, error.message, HEADER_BYTES);
	}
}

/** The tree of indexes, without content. @internal */
export function makeIndex(node: IndexNode, engine: Engine): Index {
	const { d, metric } = node;
	switch (node.type) {
		case 'IndexFlat':
			return new IndexFlat({ d, metric, engine });
		case 'IndexScalarQuantizer':
			return new IndexScalarQuantizer({ d, metric, engine, type: node.quantizer });
		case 'IndexPQ':
			return new IndexPQ({ d, metric, engine, m: node.m, nbits: node.nbits, pad: true });
		case 'IndexIVFFlat':
			return new IndexIVFFlat({ d, metric, engine, nlist: node.nlist, coarse: coarseOf(node) });
		case 'IndexIVFScalarQuantizer': {
			const { nlist, quantizer: type } = node;
			return new IndexIVFScalarQuantizer({ d, metric, engine, nlist, coarse: coarseOf(node), type });
		}
		case 'IndexIVFPQ': {
			const { nlist, m, nbits, byResidual } = node;
			return new IndexIVFPQ({ d, metric, engine, nlist, coarse: coarseOf(node), m, nbits, byResidual, pad: true });
		}
		case 'IndexPQFastScan':
			return new IndexPQFastScan({ d, metric, engine, m: node.m, pad: true });
		case 'IndexIVFPQFastScan': {
			const { nlist, m, byResidual } = node;
			return new IndexIVFPQFastScan({ d, metric, engine, nlist, coarse: coarseOf(node), m, byResidual, pad: true });
		}
		case 'IndexHNSW': {
			const store = node.storage.type === 'IndexFlat' ? 'flat' : (node.storage.quantizer ?? 'sq8');
			return new IndexHNSW({ d, metric, engine, M: node.M, efConstruction: node.efConstruction, store });
		}
		case 'IndexRaBitQ':
			return new IndexRaBitQ({ d, metric, engine, nbits: node.nbits, seed: node.seed });
		case 'IndexIVFRaBitQ': {
			const { nlist, nbits, seed } = node;
			return new IndexIVFRaBitQ({ d, metric, engine, nlist, coarse: coarseOf(node), nbits, seed });
		}
		case 'IndexRefine': {
			const [base, refine] = [makeIndex(node.base, engine), makeIndex(node.refine, engine)];
			return new IndexRefine({ base, refine, kFactor: node.kFactor });
		}
		case 'IndexPreTransform': {
			const transforms = node.transforms.map((one) => makeTransform(one, engine));
			return new IndexPreTransform({ transforms, index: makeIndex(node.index, engine) });
		}
		case 'IndexIDMap':
			return new IndexIDMap({ index: makeIndex(node.index, engine) });
	}
}

function coarseOf(node: IVFNode): 'flat' | 'hnsw' {
	return node.coarse === undefined ? 'flat' : 'hnsw';
}

/** Reads the content of an index that makeIndex made of the same node, section after section. */
function* fill(index: Index, node: IndexNode, file: SectionReader): Reading<void> {
	const rows = labelEndOf(node);
	if (node.type === 'IndexRefine') {
		yield* fill((index as IndexRefine).base, node.base, file);
		yield* fill((index as IndexRefine).refine, node.refine, file);
	} else if (node.type === 'IndexPreTransform') {
		const { transforms, index: inner } = index as IndexPreTransform;
		for (const [i, one] of node.transforms.entries()) yield* fillTransform(transforms[i]!, one, file);
		yield* fill(inner, node.index, file);
	} else if (node.type === 'IndexIDMap') {
		const { table, index: inner } = index as IndexIDMap;
		const { ids } = node.sections;
		yield* readIds(file, ids!, table, rows, node.ntotal, node.free);
		yield* fill(inner, node.index, file);
		if (node.free === undefined) return;
		// As many ids as vectors, so those that are there have one each, or some row of those without has a vector.
		for (const label of inner.liveLabels()) {
			if (table.idOf(label) < 0) throw file.fault(ids!, `row ${label} has a vector and no id`, label * 8);
		}
	} else if (node.type === 'IndexHNSW') {
		const { storage, graph } = index as IndexHNSW;
		if (node.isTrained) {
			const { links, slots, upperLinks } = node.sections;
			yield* readGraph(file, { links: links!, slots: slots!, upperLinks: upperLinks! }, node, rows, graph);
			const live = yield* readLive(file, node.sections.live, node);
			if (live !== undefined) (index as IndexHNSW).setLive(live);
		}
		yield* fill(storage, node.storage, file);
		graph.finish();
	} else if (!node.isTrained) {
		return;
	} else if (node.type === 'IndexFlat') {
		const flat = index as IndexFlat;
		yield* readCodes(file, node.sections.codes!, flat.codes, rows, 'f32', (there) => flat.followRows(there, rows));
	} else if (node.type === 'IndexPQ' || node.type === 'IndexPQFastScan') {
		const { pq, codes } = index as IndexPQ | IndexPQFastScan;
		yield* readCodebook(file, node.sections.codebook!, pq);
		yield* readCodes(file, node.sections.codes!, codes, rows);
	} else if (node.type === 'IndexRaBitQ') {
		const { rabitq, codes } = index as IndexRaBitQ;
		const { buffer } = yield* file.bytes(node.sections.centre!);
		file.checkFinite(node.sections.centre!, new Uint32Array(buffer), 0, node.d);
		rabitq.setCentre(new Float32Array(buffer));
		yield* readCodes(file, node.sections.codes!, codes, rows);
	} else if (node.type === 'IndexScalarQuantizer') {
		const { codec, codes } = index as IndexScalarQuantizer;
		const { ranges } = node.sections;
		if (ranges !== undefined) yield* readRanges(file, ranges, codec as ScalarQuantizer);
		yield* readCodes(file, node.sections.codes!, codes, rows, floatsOf(node));
	} else {
		yield* fillIVF(index as IndexIVF, node, file);
	}
	if (!(index instanceof IndexFlatCodes)) return;
	const live = yield* readLive(file, (node as FlatNode).sections.live, node);
	if (live !== undefined) index.setLive(live);
}

function* fillIVF(index: IndexIVF, node: IVFNode, file: SectionReader): Reading<void> {
	const { centroids, directory, lists } = node.sections;
	const ptr = index.cells.makeTrained(node.nlist, node.nprobe!);
	yield* file.intoArena(centroids!, ptr, true);
	if (node.sections.centre !== undefined) {
		const { buffer } = yield* file.bytes(node.sections.centre);
		file.checkFinite(node.sections.centre, new Uint32Array(buffer), 0, node.d);
		index.cells.fixedCentre = new Float32Array(buffer);
	}
	if (node.spread !== undefined) {
		const [trained, sum, n] = node.spread;
		index.cells.setSpread({ trained, sum, n });
	}
	if (node.coarse !== undefined) {
		const { coarseLinks: links, coarseSlots: slots, coarseUpperLinks: upperLinks } = node.sections;
		const graph = index.cells.makeGraph(node.coarse.M, node.coarse.efConstruction);
		const numbers = { links: links!, slots: slots!, upperLinks: upperLinks! };
		yield* readGraph(file, numbers, node.coarse, node.nlist, graph);
		graph.finish();
	}
	if (node.type === 'IndexIVFScalarQuantizer') {
		const { ranges } = node.sections;
		if (ranges !== undefined) yield* readRanges(file, ranges, index.codec as ScalarQuantizer);
	} else if (node.type === 'IndexIVFPQ' || node.type === 'IndexIVFPQFastScan') {
		const { pq } = index as IndexIVFPQ | IndexIVFPQFastScan;
		yield* readCodebook(file, node.sections.codebook!, pq);
	}
	if (node.type === 'IndexIVFPQFastScan' && node.terms !== undefined) {
		(index.codec as FastScanQuantizer).setTermRange(...node.terms);
	}
	yield* readLists(file, { directory: directory!, lists: lists! }, index.lists, node, floatsOf(node));
	index.rows.setTotal(node.ntotal, labelEndOf(node));
}

/** The floats that codes consist of, if they do. */
function floatsOf(node: IndexNode): FloatKind | undefined {
	if (node.type === 'IndexFlat' || node.type === 'IndexIVFFlat') return 'f32';
	if (node.type !== 'IndexScalarQuantizer' && node.type !== 'IndexIVFScalarQuantizer') return undefined;
	return node.quantizer === 'f16' || node.quantizer === 'bf16' ? node.quantizer : undefined;
}

/** Codebook, float32, layout (m, ksub, dsub). */
function* readCodebook(file: SectionReader, number: number, pq: ProductQuantizer): Reading<void> {
	const rows = file.arena.alloc(file.section(number).byteLength);
	try {
		yield* file.intoArena(number, rows, true);
		pq.loadCodebook(rows);
	} finally {
		file.arena.free(rows);
	}
}

/** Ranges of a scalar quantizer: d smallest values, then d steps, float32. */
function* readRanges(file: SectionReader, number: number, quantizer: ScalarQuantizer): Reading<void> {
	const { d } = quantizer;
	const { buffer } = yield* file.bytes(number);
	file.checkFinite(number, new Uint32Array(buffer), 0, 2 * d);
	const steps = new Float32Array(buffer, 4 * d, d);
	const negative = steps.findIndex((step) => step < 0);
	if (negative >= 0) throw file.fault(number, `the step of dimension ${negative} is negative`, 4 * (d + negative));
	quantizer.setRange(new Float32Array(buffer, 0, d), steps);
}
