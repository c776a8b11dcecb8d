/**
 * FAISS files, first pass: which indexes there are, and where their arrays stand (spec/faiss.md).
 */

import type { Metric } from '../../core/metric.ts';
import type { IndexHNSW } from '../../indexes/hnsw.ts';
import { MAX_TRANSFORMS } from '../../indexes/pre-transform.ts';
import type { IndexNode } from '../index-node.ts';
import type { Reading } from '../reading.ts';
import type { FaissFile } from './file.ts';
import { fillGraph } from './graph.ts';
import { cannotRead } from './kinds.ts';
import { parseIVF } from './parse-ivf.ts';
import { agree, graphShape, leaf, parseFastScan, parseFlat, parsePQ, parseSQ, sameMetric } from './parse-rows.ts';
import { readGraphPart, readShape } from './parts.ts';
import { readTransform } from './transforms.ts';
import type { Chain, Fill, Leaf, Parsed, ParsedTransform, Refine, Shape } from './tree.ts';

/** Indexes inside each other. */
const MAX_DEPTH = 8;
const MAX_K_FACTOR = 1e6;

/** The index that begins here. */
export function* parseIndex(file: FaissFile, depth = 1): Reading<Parsed> {
	const start = file.at;
	if (depth > MAX_DEPTH) throw file.unsupported(`indexes are nested more than ${MAX_DEPTH} deep`);
	const code = yield* file.code();
	switch (code) {
		case 'IxFI':
		case 'IxF2':
		case 'IxFl':
			return yield* parseFlat(file, code);
		case 'IxPq':
		case 'IxPo':
		case 'IxPQ':
			return yield* parsePQ(file, code);
		case 'IxSQ':
			return yield* parseSQ(file);
		case 'IPfs':
			return yield* parseFastScan(file);
		case 'IHNf':
		case 'IHNs':
			return yield* parseHNSW(file, depth);
		case 'IwFl':
		case 'IwSq':
		case 'IwSQ':
		case 'IwPQ':
		case 'IwPf':
			return yield* parseIVF(file, code);
		case 'IxPT':
			return yield* parseChain(file, depth);
		case 'IxRF':
			return yield* parseRefine(file, depth);
		case 'IxMp':
		case 'IxM2': {
			const shape = yield* readShape(file);
			const inner = yield* parseIndex(file, depth + 1);
			agree(file, shape, inner, start);
			const ids = yield* file.block('the ids', 8, shape.ntotal);
			return { kind: 'ids', ...shape, metric: inner.metric, ids, inner };
		}
		default:
			throw cannotRead(file.name, code, start);
	}
}

/** Header, graph, storage. */
function* parseHNSW(file: FaissFile, depth: number): Reading<Leaf> {
	const start = file.at;
	const shape = yield* readShape(file);
	const { ntotal } = shape;
	if (ntotal >= 2 ** 31) throw file.fault(`a graph over ${ntotal} rows`, start);
	const graph = yield* readGraphPart(file, ntotal);
	const storage = yield* parseStorage(file, shape, depth, start);
	const stored = storage.node(shape.metric);
	if (stored.type !== 'IndexFlat' && stored.type !== 'IndexScalarQuantizer') {
		throw file.unsupported('an HNSW graph over another index than IndexFlat or IndexScalarQuantizer', start);
	}
	const node = (metric: Metric): IndexNode => ({
		type: 'IndexHNSW',
		...shape,
		isTrained: storage.isTrained,
		metric,
		...graphShape(graph),
		sections: {},
		storage: { ...stored, metric },
	});
	const fill: Fill = function* (index) {
		const { engine, graph: to, storage: inner } = index as IndexHNSW;
		yield* fillGraph(file, engine.arena, graph, to);
		yield* storage.fill(inner);
		to.finish();
		return undefined;
	};
	return leaf({ ...shape, isTrained: storage.isTrained }, node, fill);
}

function* parseStorage(file: FaissFile, shape: Shape, depth: number, start: number): Reading<Leaf> {
	const storage = yield* parseIndex(file, depth + 1);
	agree(file, shape, storage, start);
	sameMetric(file, shape, storage, start);
	if (storage.kind === 'leaf') return storage;
	throw file.unsupported('an HNSW graph over another index than IndexFlat or IndexScalarQuantizer', start);
}

/** Header, transforms, index. */
function* parseChain(file: FaissFile, depth: number): Reading<Parsed> {
	const start = file.at;
	const shape = yield* readShape(file);
	const count = yield* file.i32();
	if (count < 0) throw file.fault(`${count} transforms`, file.at - 4);
	if (count > MAX_TRANSFORMS + 2) throw file.unsupported(`${count} transforms; vecino has ${MAX_TRANSFORMS}`, start);
	const transforms: ParsedTransform[] = [];
	let { d } = shape;
	for (let i = 0; i < count; i++) {
		const at = file.at;
		const one = yield* readTransform(file);
		if (one.node.dIn !== d) throw file.fault(`a transform of ${one.node.dIn} values where ${d} come`, at);
		d = one.node.dOut;
		transforms.push(one);
	}
	const inner = yield* parseIndex(file, depth + 1);
	agree(file, shape, inner, start, d);
	const { metric, isTrained } = inner;
	const chain: Chain = { kind: 'chain', ...shape, metric, isTrained, transforms, inner };
	return chain;
}

/** Header, base, store, k_factor. */
function* parseRefine(file: FaissFile, depth: number): Reading<Refine> {
	const start = file.at;
	const shape = yield* readShape(file);
	const base = yield* parseIndex(file, depth + 1);
	const store = yield* parseIndex(file, depth + 1);
	const at = file.at;
	const kFactor = yield* file.f32();
	if (!(kFactor >= 1 && kFactor <= MAX_K_FACTOR)) throw file.fault(`k_factor = ${kFactor}`, at);
	for (const inner of [base, store]) {
		agree(file, shape, inner, start);
		sameMetric(file, base, inner, start);
	}
	const kind = store.kind === 'leaf' ? store.node('l2').type : store.kind;
	if (store.kind !== 'leaf' || !['IndexFlat', 'IndexPQ', 'IndexScalarQuantizer'].includes(kind)) {
		throw file.unsupported(
			`candidates re-ranked by ${kind}; vecino has IndexFlat, IndexPQ, IndexScalarQuantizer`,
			start,
		);
	}
	return { kind: 'refine', ...shape, metric: base.metric, kFactor, base, store };
}
