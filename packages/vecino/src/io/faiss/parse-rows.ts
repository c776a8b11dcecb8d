/**
 * Indexes of FAISS files that hold one code per row, and what all kinds share.
 */

import type { Metric } from '../../core/metric.ts';
import type { IndexFlat } from '../../indexes/flat.ts';
import type { IndexFlatCodes } from '../../indexes/flat-codes.ts';
import { MAX_FAST_M } from '../../quantizers/fast-scan.ts';
import type { ProductQuantizer } from '../../quantizers/product.ts';
import { ScalarQuantizer } from '../../quantizers/scalar.ts';
import type { ScalarType } from '../../quantizers/scalar-types.ts';
import type { GraphShape, IndexNode } from '../index-node.ts';
import type { FloatKind } from '../read-sections.ts';
import type { Reading } from '../reading.ts';
import type { Block, FaissFile } from './file.ts';
import { fillCodebook, fillCodes, fillFastCodes } from './fill.ts';
import { type GraphPart, type PQPart, readPQ, readShape, readSQ, type SQPart } from './parts.ts';
import type { Fill, Leaf, Shape } from './tree.ts';

/** An index and what is inside it have as many rows, of the same d. */
export function agree(file: FaissFile, outer: Shape, inner: Shape, start: number, d: number = outer.d): void {
	if (inner.d !== d) throw file.fault(`an index of d = ${inner.d} where d is ${d}`, start);
	if (inner.ntotal !== outer.ntotal) {
		throw file.fault(`an index of ${inner.ntotal} rows inside one of ${outer.ntotal}`, start);
	}
}

/** Rows that are distances by other metrics would be misunderstood. */
export function sameMetric(file: FaissFile, outer: Shape, inner: Shape, start: number): void {
	if (outer.metric === inner.metric) return;
	throw file.unsupported(`an index by ${inner.metric} inside one by ${outer.metric}; vecino has one metric`, start);
}

export function leaf(shape: Shape, node: (metric: Metric) => IndexNode, fill: Fill): Leaf {
	return {
		kind: 'leaf',
		...shape,
		node,
		*fill(index) {
			return shape.isTrained ? yield* fill(index) : undefined;
		},
	};
}

export interface FlatLeaf extends Leaf {
	readonly codes: Block;
}

/** Header, vectors. */
export function* parseFlat(file: FaissFile, code: string): Reading<FlatLeaf> {
	const start = file.at;
	const shape = yield* readShape(file);
	const own = code === 'IxFI' ? 'ip' : code === 'IxF2' ? 'l2' : shape.metric;
	if (shape.metric !== own) throw file.fault(`a ${code} by ${shape.metric}`, start);
	if (!shape.isTrained) throw file.fault('vectors that are not trained', start);
	const { d, ntotal } = shape;
	const codes = yield* file.block('the vectors', 4, d * ntotal);
	const fill: Fill = function* (index) {
		const flat = index as IndexFlat;
		const after = (): void => flat.followRows(ntotal, ntotal);
		yield* fillCodes(file, index.engine.arena, codes, flat.codes, ntotal, 'f32', after);
		return undefined;
	};
	const node = (metric: Metric): IndexNode => ({ type: 'IndexFlat', ...shape, metric, sections: {} });
	return { ...leaf(shape, node, fill), codes };
}

/** Header, quantizer, codes; then, but in the oldest form, what only other kinds of search use. */
export function* parsePQ(file: FaissFile, code: string): Reading<Leaf> {
	let shape = yield* readShape(file);
	// Files of these forms say inner product, and mean L2.
	if (code !== 'IxPq') shape = { ...shape, metric: 'l2' };
	const { m, nbits, codeSize, codebook } = yield* readPQ(file, shape.d);
	const codes = yield* file.block('the codes', 1, shape.ntotal * codeSize);
	if (code !== 'IxPQ') {
		file.pass(1, 4);
		yield* file.bool('encode_signs');
		file.pass(1, 4);
	}
	const fill: Fill = function* (index) {
		const { codec, codes: to, engine } = index as IndexFlatCodes;
		yield* fillCodebook(file, engine.arena, codebook, codec as ProductQuantizer);
		yield* fillCodes(file, engine.arena, codes, to, shape.ntotal);
		return undefined;
	};
	return leaf(shape, (metric) => ({ type: 'IndexPQ', ...shape, metric, m, nbits, sections: {} }), fill);
}

/** Header, quantizer, codes. */
export function* parseSQ(file: FaissFile): Reading<Leaf> {
	const shape = yield* readShape(file);
	const part = yield* readSQ(file, shape);
	const codes = yield* file.block('the codes', 1, shape.ntotal * part.codeSize);
	const fill: Fill = function* (index) {
		const { codec, codes: to, engine } = index as IndexFlatCodes;
		setRanges(codec, part);
		yield* fillCodes(file, engine.arena, codes, to, shape.ntotal, floatsOf(part.type));
		return undefined;
	};
	const node = (metric: Metric): IndexNode => {
		return { type: 'IndexScalarQuantizer', ...shape, metric, ...quantizerKey(part.type), sections: {} };
	};
	return leaf(shape, node, fill);
}

export function setRanges(codec: unknown, { mins, steps }: SQPart): void {
	if (codec instanceof ScalarQuantizer && mins !== undefined) codec.setRange(mins, steps!);
}

export function floatsOf(type: ScalarType): FloatKind | undefined {
	return type === 'f16' || type === 'bf16' ? type : undefined;
}

export function quantizerKey(type: ScalarType): { quantizer?: Exclude<ScalarType, 'sq8'> } {
	return type === 'sq8' ? {} : { quantizer: type };
}

/** Header, quantizer, implem, bbs, qbs, ntotal2, M2, codes in blocks of bbs. */
export function* parseFastScan(file: FaissFile): Reading<Leaf> {
	const shape = yield* readShape(file);
	const pq = yield* readPQ(file, shape.d);
	const m = fastM(file, pq);
	file.pass(1, 4);
	const bbs = yield* readBbs(file);
	file.pass(1, 4);
	const ntotal2 = Math.ceil(shape.ntotal / bbs) * bbs;
	yield* file.size('ntotal2', ntotal2, ntotal2);
	yield* file.size('M2', 2 * pq.codeSize, 2 * pq.codeSize);
	const codes = yield* file.block('the codes', 1, ntotal2 * pq.codeSize);
	const fill: Fill = function* (index) {
		const { codes: to, engine } = index as IndexFlatCodes;
		yield* fillCodebook(file, engine.arena, pq.codebook, (index as unknown as { pq: ProductQuantizer }).pq);
		yield* fillFastCodes(file, engine.arena, codes, bbs, m, to, shape.ntotal);
		return undefined;
	};
	return leaf(shape, (metric) => ({ type: 'IndexPQFastScan', ...shape, metric, m, sections: {} }), fill);
}

export function fastM(file: FaissFile, { m, nbits }: PQPart): number {
	if (nbits !== 4) throw file.fault(`fast-scan codes of ${nbits} bits`);
	if (m > MAX_FAST_M) throw file.unsupported(`fast-scan codes of M = ${m}; vecino has ${MAX_FAST_M}`);
	return m;
}

export function* readBbs(file: FaissFile): Reading<number> {
	const bbs = yield* file.i32();
	if (bbs >= 32 && bbs % 32 === 0 && bbs <= 65536) return bbs;
	throw file.fault(`blocks of ${bbs} codes`, file.at - 4);
}

/** The counts are those of the graph once it is read. */
export function graphShape({ M, efConstruction }: GraphPart): GraphShape {
	return { M, efConstruction, slots: 0, upperLists: 0 };
}

export function isFlat(code: string): boolean {
	return code === 'IxFI' || code === 'IxF2' || code === 'IxFl';
}
