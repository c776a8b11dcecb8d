/**
 * Checks the JSON header of a `.vecino` file and works out what it demands of every section, before anything is
 * allocated for them.
 */

import { METRICS } from '../core/metric.ts';
import { checkRecallTable, type RecallTable } from '../core/recall-table.ts';
import { MAX_D } from '../core/vectors.ts';
import { MAX_NTOTAL } from '../indexes/base.ts';
import { MAX_EF, MAX_HNSW_M } from '../indexes/hnsw.ts';
import { MAX_LEVEL } from '../indexes/hnsw-graph.ts';
import { MAX_TRANSFORMS } from '../indexes/pre-transform.ts';
import { type CodeLayout, codesBytes, termsBytes } from '../invlists/layout.ts';
import { MAX_FAST_M } from '../quantizers/fast-scan.ts';
import { MAX_NBITS, MIN_NBITS } from '../quantizers/product.ts';
import { MAX_RABITQ_BITS } from '../quantizers/rabitq.ts';
import { hasRanges, type ScalarType, scalarCodeSize } from '../quantizers/scalar-types.ts';
import { MAX_TRAINED_D } from '../transforms/covariance.ts';
import {
	codebookBytes,
	type GraphShape,
	type IndexNode,
	type IVFNode,
	labelEndOf,
	liveBytes,
	type NodeBase,
	pqCodeSize,
	rabitqLayout,
	type TransformNode,
} from './index-node.ts';

/** What the tree demands of a section. */
export interface SectionSpec {
	/** Path from the root of the tree, like `base.codebook`. */
	readonly name: string;
	/** Its length in bytes is in min..max: they differ only for `lists`, whose padding depends on the lists. */
	readonly min: number;
	readonly max: number;
}

/** What is wrong with a JSON header. The caller makes a VecinoError of it. */
export class HeaderFault extends Error {}

const MAX_DEPTH = 4;
const MAX_NLIST = 2 ** 24;
const MAX_K_FACTOR = 1e6;
const TYPES = [
	'IndexFlat',
	'IndexPQ',
	'IndexScalarQuantizer',
	'IndexPQFastScan',
	'IndexRaBitQ',
	'IndexIVFFlat',
	'IndexIVFScalarQuantizer',
	'IndexIVFPQ',
	'IndexIVFPQFastScan',
	'IndexHNSW',
	'IndexIVFRaBitQ',
	'IndexRefine',
	'IndexPreTransform',
	'IndexIDMap',
] as const;

/**
 * Checks a JSON header in full.
 *
 * @returns The tree, and what it demands of each section, by number.
 * @throws HeaderFault.
 */
export function parseIndexNode(json: unknown): { root: IndexNode; sections: SectionSpec[] } {
	const sections: SectionSpec[] = [];
	const { recallTable, ...fields } = object('the index', json);
	const root = parseNode(fields, '', 1, sections);
	if (recallTable === undefined) return { root, sections };
	return { root: { ...root, recallTable: parseRecallTable(recallTable) }, sections };
}

function parseRecallTable(value: unknown): RecallTable {
	try {
		return checkRecallTable('recallTable', value as RecallTable);
	} catch (error) {
		throw new HeaderFault((error as Error).message);
	}
}

type Fields = Readonly<Record<string, unknown>>;

function parseNode(value: unknown, path: string, depth: number, sections: SectionSpec[]): IndexNode {
	const at = path === '' ? 'the index' : path.slice(0, -1);
	if (depth > MAX_DEPTH) throw new HeaderFault(`${at}: indexes are nested more than ${MAX_DEPTH} deep`);
	const fields = object(at, value);
	const type = choice(path, fields, 'type', TYPES);
	const base: NodeBase = {
		d: integer(path, fields, 'd', 1, MAX_D),
		metric: choice(path, fields, 'metric', METRICS),
		ntotal: integer(path, fields, 'ntotal', 0, MAX_NTOTAL),
		...parseLabelEnd(path, fields),
		isTrained: boolean(path, fields, 'isTrained'),
	};
	if (!base.isTrained && labelEndOf(base) > 0)
		throw new HeaderFault(`${path}ntotal must be 0 in an index that is not trained`);
	if (type === 'IndexRefine') return parseRefine(base, fields, path, depth, sections);
	if (type === 'IndexHNSW') return parseHNSW(base, fields, path, depth, sections);
	if (type === 'IndexPreTransform') return parsePreTransform(base, fields, path, depth, sections);
	if (type === 'IndexIDMap') return parseIDMap(base, fields, path, depth, sections);
	if (isFlatType(type)) return parseFlatCodes(type, base, fields, path, sections);
	return parseIVF(type, base, fields, path, sections);
}

/** The key `labelEnd`, which is there only where something was removed. */
function parseLabelEnd(path: string, fields: Fields): { labelEnd?: number } {
	if (!Object.hasOwn(fields, 'labelEnd')) return {};
	return { labelEnd: integer(path, fields, 'labelEnd', (fields['ntotal'] as number) + 1, MAX_NTOTAL) };
}

/** The section `live`, which is there only where some rows are dead. */
function liveSection(base: NodeBase): { live: number } {
	return (base.labelEnd === undefined ? {} : { live: liveBytes(base.labelEnd) }) as { live: number };
}

const FLAT_TYPES = ['IndexFlat', 'IndexPQ', 'IndexScalarQuantizer', 'IndexPQFastScan', 'IndexRaBitQ'] as const;
type FlatType = (typeof FLAT_TYPES)[number];

function isFlatType(type: IndexNode['type']): type is FlatType {
	return (FLAT_TYPES as readonly string[]).includes(type);
}

/** Options beside those of every node, and of every one with cells. */
const KEYS: Readonly<Partial<Record<IndexNode['type'], readonly string[]>>> = {
	IndexPQ: ['m', 'nbits'],
	IndexPQFastScan: ['m'],
	IndexRaBitQ: ['nbits', 'seed'],
	IndexIVFPQ: ['m', 'nbits', 'byResidual'],
	IndexIVFPQFastScan: ['m', 'byResidual'],
	IndexIVFRaBitQ: ['nbits', 'seed'],
};

const COMMON = ['type', 'd', 'metric', 'ntotal', 'labelEnd', 'isTrained'];

function parseFlatCodes(
	type: FlatType,
	base: NodeBase,
	fields: Fields,
	path: string,
	sections: SectionSpec[],
): IndexNode {
	const scalar = type === 'IndexScalarQuantizer' ? parseScalar(fields, path) : undefined;
	onlyKeys(path, fields, [...COMMON, ...(KEYS[type] ?? []), ...Object.keys(scalar?.key ?? {}), 'sections']);
	const { d } = base;
	const rows = labelEndOf(base);
	const live = liveSection(base);
	const demand = new Demand(path, fields, base.isTrained, sections);
	if (type === 'IndexFlat') {
		if (!base.isTrained) throw new HeaderFault(`${path}isTrained must be true: an IndexFlat needs no training`);
		return { type, ...base, sections: demand.take({ codes: rows * d * 4, ...live }) };
	}
	if (type === 'IndexScalarQuantizer') {
		const { key, word } = scalar!;
		const codes = rows * scalarCodeSize(d, word);
		if (hasRanges(word)) return { type, ...base, ...key, sections: demand.take({ ranges: 8 * d, codes, ...live }) };
		if (!base.isTrained) throw new HeaderFault(`${path}isTrained must be true: ${word} needs no training`);
		return { type, ...base, ...key, sections: demand.take({ codes, ...live }) };
	}
	if (type === 'IndexPQFastScan') {
		const m = integer(path, fields, 'm', 1, Math.min(d, MAX_FAST_M));
		const codes = codesBytes(fastLayout(m, 0), rows);
		return { type, ...base, m, sections: demand.take({ codebook: codebookBytes(d, m, 4), codes, ...live }) };
	}
	if (type === 'IndexRaBitQ') {
		const options = parseRaBitQ(fields, path);
		const codes = codesBytes(rabitqLayout(d, options.nbits, false), rows);
		return { type, ...base, ...options, sections: demand.take({ centre: 4 * d, codes, ...live }) };
	}
	const pq = parsePQ(fields, path, d);
	const lengths = { codebook: codebookBytes(d, pq.m, pq.nbits), codes: rows * pqCodeSize(pq.m, pq.nbits), ...live };
	return { type, ...base, ...pq, sections: demand.take(lengths) };
}

function parseIVF(
	type: IVFNode['type'],
	base: NodeBase,
	fields: Fields,
	path: string,
	sections: SectionSpec[],
): IndexNode {
	const { d, ntotal, isTrained } = base;
	const fast = type === 'IndexIVFPQFastScan';
	const hasTerms = base.metric === 'l2' && fields['byResidual'] === true;
	const hasGraph = fields['coarse'] !== undefined;
	const scalar = type === 'IndexIVFScalarQuantizer' ? parseScalar(fields, path) : undefined;
	const trainedKeys = isTrained ? ['nprobe', ...(fast && hasTerms ? ['terms'] : [])] : [];
	const spread = isTrained && fields['spread'] !== undefined && { spread: parseSpread(fields, path) };
	const keys = [...(KEYS[type] ?? []), ...trainedKeys, ...Object.keys(scalar?.key ?? {}), ...Object.keys(spread || {})];
	onlyKeys(path, fields, [...COMMON, 'nlist', ...(hasGraph ? ['coarse'] : []), ...keys, 'sections']);
	const nlist = integer(path, fields, 'nlist', 1, MAX_NLIST);
	const coarse = hasGraph ? parseCoarse(path, fields, isTrained ? nlist : 0) : undefined;
	const nprobe = isTrained && { nprobe: integer(path, fields, 'nprobe', 1, nlist) };
	const ivf = { ...base, nlist, ...(coarse && { coarse }), ...nprobe, ...spread };
	// No keys where there is no graph, and where codes are relative to the mean of the centroids.
	const graphs = {} as { centre: number; coarseLinks: number; coarseSlots: number; coarseUpperLinks: number };
	if (isTrained && Object.hasOwn(object(`${path}sections`, fields['sections']), 'centre')) graphs.centre = 4 * d;
	if (coarse !== undefined) {
		const [coarseLinks, coarseSlots, coarseUpperLinks] = graphLengths(coarse, nlist);
		Object.assign(graphs, { coarseLinks, coarseSlots, coarseUpperLinks });
	}
	const demand = new Demand(path, fields, isTrained, sections);
	/** Each list is padded by at most 3 bytes, or to a whole block; empty lists take nothing. */
	const lists = (layout: CodeLayout): [min: number, max: number] => {
		const one = { ...layout, blockSize: 1 };
		const least = codesBytes(one, ntotal) + termsBytes(one, ntotal) + 4 * ntotal;
		const padding = (layout.blockSize - 1) * (layout.codeSize + layout.termBytes) + 3;
		return [least, least + padding * Math.min(nlist, ntotal)];
	};
	const centroids = nlist * d * 4;
	const directory = nlist * 8;
	if (type === 'IndexIVFFlat') {
		const range = lists({ codeSize: 4 * d, blockSize: 1, termBytes: 0 });
		return { type, ...ivf, sections: demand.take({ centroids, ...graphs, directory, lists: range }) };
	}
	if (type === 'IndexIVFScalarQuantizer') {
		const { key, word } = scalar!;
		const range = lists({ codeSize: scalarCodeSize(d, word), blockSize: 1, termBytes: 0 });
		if (!hasRanges(word)) {
			return { type, ...ivf, ...key, sections: demand.take({ centroids, ...graphs, directory, lists: range }) };
		}
		const lengths = { centroids, ...graphs, ranges: 8 * d, directory, lists: range };
		return { type, ...ivf, ...key, sections: demand.take(lengths) };
	}
	if (type === 'IndexIVFPQFastScan') {
		const m = integer(path, fields, 'm', 1, Math.min(d, MAX_FAST_M));
		const byResidual = boolean(path, fields, 'byResidual');
		const terms = isTrained && hasTerms && { terms: parseTerms(fields, path) };
		const range = lists(fastLayout(m, hasTerms ? 2 : 0));
		const lengths = { centroids, ...graphs, codebook: codebookBytes(d, m, 4), directory, lists: range };
		return { type, ...ivf, m, byResidual, ...terms, sections: demand.take(lengths) };
	}
	if (type === 'IndexIVFRaBitQ') {
		const options = parseRaBitQ(fields, path);
		const lengths = { centroids, ...graphs, directory, lists: lists(rabitqLayout(d, options.nbits, true)) };
		return { type, ...ivf, ...options, sections: demand.take(lengths) };
	}
	const { m, nbits } = parsePQ(fields, path, d);
	const byResidual = boolean(path, fields, 'byResidual');
	const range = lists({ codeSize: pqCodeSize(m, nbits), blockSize: 1, termBytes: hasTerms ? 4 : 0 });
	const lengths = { centroids, ...graphs, codebook: codebookBytes(d, m, nbits), directory, lists: range };
	return { type, ...ivf, m, nbits, byResidual, sections: demand.take(lengths) };
}

function parseSpread(fields: Fields, path: string): [trained: number, sum: number, n: number] {
	const value = fields['spread'];
	const [trained, sum, n] = Array.isArray(value) && value.length === 3 ? (value as unknown[]) : [];
	const isSize = (x: unknown): x is number => typeof x === 'number' && Number.isFinite(x) && x >= 0;
	if (isSize(trained) && isSize(sum) && isSize(n) && Number.isSafeInteger(n)) return [trained, sum, n];
	throw new HeaderFault(`${path}spread must be two numbers and a whole one, none below 0`);
}

function parseCoarse(path: string, fields: Fields, nlist: number): GraphShape {
	const shape = object(`${path}coarse`, fields['coarse']);
	onlyKeys(`${path}coarse.`, shape, ['M', 'efConstruction', 'slots', 'upperLists']);
	return parseGraph(`${path}coarse.`, shape, nlist);
}

/** The key `quantizer`, which only types other than sq8 have. */
function parseScalar(
	fields: Fields,
	path: string,
): { key: { quantizer?: Exclude<ScalarType, 'sq8'> }; word: ScalarType } {
	if (!Object.hasOwn(fields, 'quantizer')) return { key: {}, word: 'sq8' };
	const quantizer = choice(path, fields, 'quantizer', ['sq4', 'f16', 'bf16'] as const);
	return { key: { quantizer }, word: quantizer };
}

function fastLayout(m: number, termBytes: number): CodeLayout {
	return { codeSize: pqCodeSize(m, 4), blockSize: 32, termBytes };
}

/** Middle and step of 16-bit terms: float32 values, the step positive. */
function parseTerms(fields: Fields, path: string): [mid: number, step: number] {
	const value = fields['terms'];
	const [mid, step] = Array.isArray(value) && value.length === 2 ? (value as unknown[]) : [];
	const isF32 = (x: unknown): x is number => typeof x === 'number' && Number.isFinite(x) && Math.fround(x) === x;
	if (isF32(mid) && isF32(step) && step > 0) return [mid, step];
	throw new HeaderFault(`${path}terms must be two float32 values, the second positive`);
}

function parseHNSW(base: NodeBase, fields: Fields, path: string, depth: number, sections: SectionSpec[]): IndexNode {
	onlyKeys(path, fields, [...COMMON, 'M', 'efConstruction', 'slots', 'upperLists', 'sections', 'storage']);
	const rows = labelEndOf(base);
	if (rows >= 2 ** 31) throw new HeaderFault(`${path}ntotal must be below 2^31 in an IndexHNSW`);
	const graph = parseGraph(path, fields, rows);
	const [links, slots, upperLinks] = graphLengths(graph, rows);
	const lengths = { links, slots, upperLinks, ...liveSection(base) };
	const numbers = new Demand(path, fields, base.isTrained, sections).take(lengths);
	const storage = parseNode(fields['storage'], `${path}storage.`, depth + 1, sections);
	if (storage.type !== 'IndexFlat' && storage.type !== 'IndexScalarQuantizer') {
		throw new HeaderFault(`${path}storage cannot be an ${storage.type}`);
	}
	agree(path, rowStore(base), 'storage', storage);
	if (base.isTrained !== storage.isTrained) throw new HeaderFault(`${path}isTrained does not follow from storage`);
	return { type: 'IndexHNSW', ...base, ...graph, sections: numbers, storage };
}

function parseGraph(path: string, fields: Fields, n: number): GraphShape {
	const M = integer(path, fields, 'M', 2, MAX_HNSW_M);
	const efConstruction = integer(path, fields, 'efConstruction', 1, MAX_EF);
	const slots = integer(path, fields, 'slots', 0, n);
	return { M, efConstruction, slots, upperLists: integer(path, fields, 'upperLists', slots, slots * MAX_LEVEL) };
}

/** Bytes of links, slots and upper links of a graph over n rows. */
function graphLengths({ M, slots, upperLists }: GraphShape, n: number): [number, number, number] {
	return [n * 8 * M, slots * 8, upperLists * 4 * M];
}

function parseRefine(base: NodeBase, fields: Fields, path: string, depth: number, sections: SectionSpec[]): IndexNode {
	onlyKeys(path, fields, [...COMMON, 'kFactor', 'base', 'refine']);
	const kFactor = fields['kFactor'];
	if (typeof kFactor !== 'number' || !(kFactor >= 1 && kFactor <= MAX_K_FACTOR)) {
		throw new HeaderFault(`${path}kFactor must be a number in 1..${MAX_K_FACTOR}, got ${show(kFactor)}`);
	}
	const inner = parseNode(fields['base'], `${path}base.`, depth + 1, sections);
	if (inner.type === 'IndexIDMap' || inner.type === 'IndexRefine') {
		throw new HeaderFault(`${path}base cannot be an ${inner.type}`);
	}
	const refine = parseNode(fields['refine'], `${path}refine.`, depth + 1, sections);
	if (refine.type !== 'IndexFlat' && refine.type !== 'IndexScalarQuantizer' && refine.type !== 'IndexPQ') {
		throw new HeaderFault(`${path}refine cannot be an ${refine.type}`);
	}
	agree(path, base, 'base', inner);
	agree(path, rowStore(base), 'refine', refine);
	if (base.isTrained !== (inner.isTrained && refine.isTrained)) {
		throw new HeaderFault(`${path}isTrained does not follow from base and refine`);
	}
	return { type: 'IndexRefine', ...base, kFactor, base: inner, refine };
}

function parseIDMap(base: NodeBase, fields: Fields, path: string, depth: number, sections: SectionSpec[]): IndexNode {
	const { labelEnd } = base;
	onlyKeys(path, fields, [...COMMON, ...(labelEnd === undefined ? [] : ['free']), 'sections', 'index']);
	const free = labelEnd !== undefined && { free: integer(path, fields, 'free', 0, labelEnd - 1) };
	const numbers = new Demand(path, fields, true, sections).take({ ids: labelEndOf(base) * 8 });
	const index = parseNode(fields['index'], `${path}index.`, depth + 1, sections);
	if (index.type === 'IndexIDMap') throw new HeaderFault(`${path}index cannot be an IndexIDMap`);
	agree(path, base, 'index', index);
	if (base.isTrained !== index.isTrained) throw new HeaderFault(`${path}isTrained does not follow from index`);
	return { type: 'IndexIDMap', ...base, ...free, sections: numbers, index };
}

function parsePreTransform(
	base: NodeBase,
	fields: Fields,
	path: string,
	depth: number,
	sections: SectionSpec[],
): IndexNode {
	onlyKeys(path, fields, [...COMMON, 'transforms', 'index']);
	const list: unknown = fields['transforms'];
	if (!Array.isArray(list) || list.length < 1 || list.length > MAX_TRANSFORMS) {
		throw new HeaderFault(`${path}transforms must be an array of 1..${MAX_TRANSFORMS}`);
	}
	let { d } = base;
	const transforms = list.map((value: unknown, i) => {
		const at = `${path}transforms[${i}].`;
		const node = parseTransform(value, at, sections);
		if (node.dIn !== d) throw new HeaderFault(`${at}dIn must be ${d} as before it, got ${node.dIn}`);
		d = node.dOut;
		return node;
	});
	const index = parseNode(fields['index'], `${path}index.`, depth + 1, sections);
	if (index.type === 'IndexIDMap' || index.type === 'IndexPreTransform') {
		throw new HeaderFault(`${path}index cannot be an ${index.type}`);
	}
	agree(path, { ...base, d }, 'index', index);
	if (base.isTrained !== (index.isTrained && transforms.every(({ isTrained }) => isTrained))) {
		throw new HeaderFault(`${path}isTrained does not follow from transforms and index`);
	}
	return { type: 'IndexPreTransform', ...base, transforms, index };
}

const TRANSFORMS = ['LinearTransform', 'PCATransform', 'RandomRotation', 'OPQTransform', 'NormalizeTransform'] as const;
const TRANSFORM_KEYS = {
	LinearTransform: ['isOrthonormal', 'sections'],
	PCATransform: ['eigenPower', 'randomRotation', 'sections'],
	RandomRotation: ['seed', 'sections'],
	OPQTransform: ['m', 'nbits', 'niter', 'sections'],
	NormalizeTransform: [],
} as const;

function parseTransform(value: unknown, path: string, sections: SectionSpec[]): TransformNode {
	const fields = object(path.slice(0, -1), value);
	const type = choice(path, fields, 'type', TRANSFORMS);
	onlyKeys(path, fields, ['type', 'dIn', 'dOut', 'isTrained', ...TRANSFORM_KEYS[type]]);
	const most = type === 'LinearTransform' || type === 'NormalizeTransform' ? MAX_D : MAX_TRAINED_D;
	const dIn = integer(path, fields, 'dIn', 1, most);
	const dOut = integer(path, fields, 'dOut', 1, type === 'PCATransform' ? dIn : most);
	const base = { dIn, dOut, isTrained: boolean(path, fields, 'isTrained') };
	if (type === 'NormalizeTransform') {
		if (dIn !== dOut) throw new HeaderFault(`${path}dOut must be dIn = ${dIn}, got ${dOut}`);
		if (!base.isTrained) throw new HeaderFault(`${path}isTrained must be true: a ${type} needs no training`);
		return { type, ...base };
	}
	const demand = new Demand(path, fields, base.isTrained, sections);
	const matrix = 4 * dOut * dIn;
	if (type === 'LinearTransform') {
		const isOrthonormal = boolean(path, fields, 'isOrthonormal');
		return { type, ...base, isOrthonormal, sections: demand.take({ matrix, bias: 4 * dOut }) };
	}
	if (type === 'PCATransform') {
		const eigenPower = fields['eigenPower'];
		if (eigenPower !== 0 && eigenPower !== -0.5) {
			throw new HeaderFault(`${path}eigenPower must be 0 or -0.5, got ${show(eigenPower)}`);
		}
		const randomRotation = boolean(path, fields, 'randomRotation');
		return {
			type,
			...base,
			eigenPower,
			randomRotation,
			sections: demand.take({ matrix, mean: 4 * dIn, variances: 4 * dIn }),
		};
	}
	if (type === 'RandomRotation') {
		const seed = integer(path, fields, 'seed', 0, 2 ** 32 - 1);
		return { type, ...base, seed, sections: demand.take({ matrix }) };
	}
	const m = integer(path, fields, 'm', 1, dOut);
	if (dOut % m !== 0) throw new HeaderFault(`${path}m must divide dOut = ${dOut}, got ${m}`);
	const nbits = integer(path, fields, 'nbits', 4, 8);
	const niter = integer(path, fields, 'niter', 0, 10_000);
	return { type, ...base, m, nbits, niter, sections: demand.take({ matrix }) };
}

function parsePQ(fields: Fields, path: string, d: number): { m: number; nbits: number } {
	return { m: integer(path, fields, 'm', 1, d), nbits: integer(path, fields, 'nbits', MIN_NBITS, MAX_NBITS) };
}

function parseRaBitQ(fields: Fields, path: string): { nbits: number; seed: number } {
	const nbits = integer(path, fields, 'nbits', 1, MAX_RABITQ_BITS);
	return { nbits, seed: integer(path, fields, 'seed', 0, 2 ** 32 - 1) };
}

/** The `sections` of a node: all of them, none if it is not trained, numbered in order. */
class Demand {
	readonly #path: string;
	readonly #given: Fields;
	readonly #present: boolean;
	readonly #sections: SectionSpec[];

	constructor(path: string, fields: Fields, present: boolean, sections: SectionSpec[]) {
		this.#path = path;
		this.#given = object(`${path}sections`, fields['sections']);
		this.#present = present;
		this.#sections = sections;
	}

	/** Takes the next sections, each of so many bytes. */
	take<K extends string>(lengths: Record<K, number | [min: number, max: number]>): Record<K, number> {
		const numbers = {} as Record<K, number>;
		const keys = this.#present ? (Object.keys(lengths) as K[]) : [];
		onlyKeys(`${this.#path}sections.`, this.#given, keys);
		for (const key of keys) {
			const number = this.#sections.length;
			const name = `${this.#path}${key}`;
			if (this.#given[key] !== number) {
				throw new HeaderFault(`${this.#path}sections.${key} must be ${number}, got ${show(this.#given[key])}`);
			}
			const length = lengths[key];
			const [min, max] = typeof length === 'number' ? [length, length] : length;
			numbers[key] = number;
			this.#sections.push({ name, min, max });
		}
		return numbers;
	}
}

/** An index and the one inside it must be of the same shape. */
function agree(path: string, outer: NodeBase, key: string, inner: NodeBase): void {
	for (const field of ['d', 'metric', 'ntotal', 'labelEnd'] as const) {
		if (outer[field] === inner[field]) continue;
		const [expected, found] = [outer[field] ?? 'absent', inner[field] ?? 'nothing'];
		throw new HeaderFault(`${path}${key}.${field} must be ${expected} as around it, got ${found}`);
	}
}

/** Shape of what holds rows for an index that knows itself which of them are dead. */
function rowStore({ labelEnd, ...base }: NodeBase): NodeBase {
	return labelEnd === undefined ? base : { ...base, ntotal: labelEnd };
}

function object(what: string, value: unknown): Fields {
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
	throw new HeaderFault(`${what} must be a JSON object, got ${show(value)}`);
}

function onlyKeys(path: string, fields: Fields, known: readonly string[]): void {
	const stranger = Object.keys(fields).find((key) => !known.includes(key));
	if (stranger !== undefined) throw new HeaderFault(`${path}${stranger.slice(0, 60)} is not known`);
}

function integer(path: string, fields: Fields, key: string, min: number, max: number): number {
	const value = fields[key];
	if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value;
	throw new HeaderFault(`${path}${key} must be an integer in ${min}..${max}, got ${show(value)}`);
}

function boolean(path: string, fields: Fields, key: string): boolean {
	const value = fields[key];
	if (typeof value === 'boolean') return value;
	throw new HeaderFault(`${path}${key} must be true or false, got ${show(value)}`);
}

function choice<T extends string>(path: string, fields: Fields, key: string, words: readonly T[]): T {
	const value = fields[key];
	if (words.includes(value as T)) return value as T;
	throw new HeaderFault(`${path}${key} must be one of ${words.join(', ')}, got ${show(value)}`);
}

/** A JSON value in a message. Of objects only the kind: they may be deep, and pretend to be anything. */
function show(value: unknown): string {
	if (value === undefined) return 'nothing';
	if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
	if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
	return String(value);
}
