/**
 * Checks the JSON header of a `.vecino` file and works out what it demands of every section, before anything is
 * allocated for them.
 */

import { METRICS } from '../core/metric.ts';
import { MAX_D } from '../core/vectors.ts';
import { MAX_NTOTAL } from '../indexes/base.ts';
import { MAX_EF, MAX_HNSW_M } from '../indexes/hnsw.ts';
import { MAX_LEVEL } from '../indexes/hnsw-graph.ts';
import { type CodeLayout, codesBytes, termsBytes } from '../invlists/layout.ts';
import { MAX_FAST_M } from '../quantizers/fast-scan.ts';
import { MAX_NBITS, MIN_NBITS } from '../quantizers/product.ts';
import {
	codebookBytes,
	type GraphShape,
	type IndexNode,
	type IVFNode,
	type NodeBase,
	pqCodeSize,
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
	'IndexIVFFlat',
	'IndexIVFScalarQuantizer',
	'IndexIVFPQ',
	'IndexIVFPQFastScan',
	'IndexHNSW',
	'IndexRefine',
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
	return { root: parseNode(json, '', 1, sections), sections };
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
		isTrained: boolean(path, fields, 'isTrained'),
	};
	if (!base.isTrained && base.ntotal > 0)
		throw new HeaderFault(`${path}ntotal must be 0 in an index that is not trained`);
	if (type === 'IndexRefine') return parseRefine(base, fields, path, depth, sections);
	if (type === 'IndexHNSW') return parseHNSW(base, fields, path, depth, sections);
	if (type === 'IndexIDMap') return parseIDMap(base, fields, path, depth, sections);
	if (type === 'IndexFlat' || type === 'IndexPQ' || type === 'IndexScalarQuantizer' || type === 'IndexPQFastScan') {
		return parseFlatCodes(type, base, fields, path, sections);
	}
	return parseIVF(type, base, fields, path, sections);
}

const COMMON = ['type', 'd', 'metric', 'ntotal', 'isTrained'];

function parseFlatCodes(
	type: 'IndexFlat' | 'IndexPQ' | 'IndexScalarQuantizer' | 'IndexPQFastScan',
	base: NodeBase,
	fields: Fields,
	path: string,
	sections: SectionSpec[],
): IndexNode {
	const pqKeys = type === 'IndexPQ' ? ['m', 'nbits'] : type === 'IndexPQFastScan' ? ['m'] : [];
	onlyKeys(path, fields, [...COMMON, ...pqKeys, 'sections']);
	const { d, ntotal } = base;
	const demand = new Demand(path, fields, base.isTrained, sections);
	if (type === 'IndexFlat') {
		if (!base.isTrained) throw new HeaderFault(`${path}isTrained must be true: an IndexFlat needs no training`);
		return { type, ...base, sections: demand.take({ codes: ntotal * d * 4 }) };
	}
	if (type === 'IndexScalarQuantizer') {
		return { type, ...base, sections: demand.take({ ranges: 8 * d, codes: ntotal * d }) };
	}
	if (type === 'IndexPQFastScan') {
		const m = integer(path, fields, 'm', 1, Math.min(d, MAX_FAST_M));
		const codes = codesBytes(fastLayout(m, 0), ntotal);
		return { type, ...base, m, sections: demand.take({ codebook: codebookBytes(d, m, 4), codes }) };
	}
	const pq = parsePQ(fields, path, d);
	const lengths = { codebook: codebookBytes(d, pq.m, pq.nbits), codes: ntotal * pqCodeSize(pq.m, pq.nbits) };
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
	const kindKeys = type === 'IndexIVFPQ' ? ['m', 'nbits', 'byResidual'] : fast ? ['m', 'byResidual'] : [];
	const hasTerms = base.metric === 'l2' && fields['byResidual'] === true;
	const hasGraph = fields['coarse'] !== undefined;
	const trainedKeys = isTrained ? ['nprobe', ...(fast && hasTerms ? ['terms'] : [])] : [];
	onlyKeys(path, fields, [
		...COMMON,
		'nlist',
		...(hasGraph ? ['coarse'] : []),
		...kindKeys,
		...trainedKeys,
		'sections',
	]);
	const nlist = integer(path, fields, 'nlist', 1, MAX_NLIST);
	const coarse = hasGraph ? parseCoarse(path, fields, isTrained ? nlist : 0) : undefined;
	const nprobe = isTrained && { nprobe: integer(path, fields, 'nprobe', 1, nlist) };
	const ivf = { ...base, nlist, ...(coarse && { coarse }), ...nprobe };
	// No keys where there is no graph.
	const graphs = {} as { coarseLinks: number; coarseSlots: number; coarseUpperLinks: number };
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
		const range = lists({ codeSize: d, blockSize: 1, termBytes: 0 });
		return { type, ...ivf, sections: demand.take({ centroids, ...graphs, ranges: 8 * d, directory, lists: range }) };
	}
	if (type === 'IndexIVFPQFastScan') {
		const m = integer(path, fields, 'm', 1, Math.min(d, MAX_FAST_M));
		const byResidual = boolean(path, fields, 'byResidual');
		const terms = isTrained && hasTerms && { terms: parseTerms(fields, path) };
		const range = lists(fastLayout(m, hasTerms ? 2 : 0));
		const lengths = { centroids, ...graphs, codebook: codebookBytes(d, m, 4), directory, lists: range };
		return { type, ...ivf, m, byResidual, ...terms, sections: demand.take(lengths) };
	}
	const { m, nbits } = parsePQ(fields, path, d);
	const byResidual = boolean(path, fields, 'byResidual');
	const range = lists({ codeSize: pqCodeSize(m, nbits), blockSize: 1, termBytes: hasTerms ? 4 : 0 });
	const lengths = { centroids, ...graphs, codebook: codebookBytes(d, m, nbits), directory, lists: range };
	return { type, ...ivf, m, nbits, byResidual, sections: demand.take(lengths) };
}

function parseCoarse(path: string, fields: Fields, nlist: number): GraphShape {
	const shape = object(`${path}coarse`, fields['coarse']);
	onlyKeys(`${path}coarse.`, shape, ['M', 'efConstruction', 'slots', 'upperLists']);
	return parseGraph(`${path}coarse.`, shape, nlist);
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
	const { ntotal } = base;
	if (ntotal >= 2 ** 31) throw new HeaderFault(`${path}ntotal must be below 2^31 in an IndexHNSW`);
	const graph = parseGraph(path, fields, ntotal);
	const [links, slots, upperLinks] = graphLengths(graph, ntotal);
	const numbers = new Demand(path, fields, base.isTrained, sections).take({ links, slots, upperLinks });
	const storage = parseNode(fields['storage'], `${path}storage.`, depth + 1, sections);
	if (storage.type !== 'IndexFlat' && storage.type !== 'IndexScalarQuantizer') {
		throw new HeaderFault(`${path}storage cannot be an ${storage.type}`);
	}
	agree(path, base, 'storage', storage);
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
	if (refine.type !== 'IndexFlat' && refine.type !== 'IndexScalarQuantizer') {
		throw new HeaderFault(`${path}refine cannot be an ${refine.type}`);
	}
	agree(path, base, 'base', inner);
	agree(path, base, 'refine', refine);
	if (base.isTrained !== (inner.isTrained && refine.isTrained)) {
		throw new HeaderFault(`${path}isTrained does not follow from base and refine`);
	}
	return { type: 'IndexRefine', ...base, kFactor, base: inner, refine };
}

function parseIDMap(base: NodeBase, fields: Fields, path: string, depth: number, sections: SectionSpec[]): IndexNode {
	onlyKeys(path, fields, [...COMMON, 'sections', 'index']);
	const numbers = new Demand(path, fields, true, sections).take({ ids: base.ntotal * 8 });
	const index = parseNode(fields['index'], `${path}index.`, depth + 1, sections);
	if (index.type === 'IndexIDMap') throw new HeaderFault(`${path}index cannot be an IndexIDMap`);
	agree(path, base, 'index', index);
	if (base.isTrained !== index.isTrained) throw new HeaderFault(`${path}isTrained does not follow from index`);
	return { type: 'IndexIDMap', ...base, sections: numbers, index };
}

function parsePQ(fields: Fields, path: string, d: number): { m: number; nbits: number } {
	return { m: integer(path, fields, 'm', 1, d), nbits: integer(path, fields, 'nbits', MIN_NBITS, MAX_NBITS) };
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
	for (const field of ['d', 'metric', 'ntotal'] as const) {
		if (outer[field] === inner[field]) continue;
		throw new HeaderFault(`${path}${key}.${field} must be ${outer[field]} as around it, got ${inner[field]}`);
	}
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
