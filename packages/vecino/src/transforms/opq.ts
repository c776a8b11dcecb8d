/**
 * Optimized product quantization: the rotation under which a product quantizer errs least. FAISS's OPQMatrix.
 * Ge, He, Ke, Sun, Optimized Product Quantization (2014), the non-parametric form.
 *
 * Where dOut < dIn it stays in the space of the first dOut principal components. It begins with the better of two: the
 * dimensions as they come (their order means something in SIFT), and the principal components, dealt out so that the
 * product of the variances is about the same in every sub-space (eigenvalue allocation). Then, again and again:
 *
 *   1. rotate, assign each sub-vector to its nearest reproduction value, move those to the mean of their sub-vectors;
 *   2. with the decoded rows y' fixed, the best rotation R of rows z is the orthonormal matrix nearest to the sum of
 *      y' z^T (Procrustes).
 *
 * Both come from S = the sum of z over the rows of each reproduction value c, found in one pass: the mean of their
 * sub-vectors is R_j S_c / n_c, and y' z^T adds up to the sum of c S_c^T. No rows but z are kept.
 *
 * Ahead of cells that code residuals, it learns from residuals (indexes/residual-rows.ts): they are spread otherwise than
 * the vectors. Which components are kept, where dOut < dIn, is still decided by the vectors.
 */

import { Assigner, kmeansSteps } from '../cluster/kmeans.ts';
import { CHUNK, residentRows, type TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { checkInt, checkKeys } from '../util/check.ts';
import type { Steps } from '../util/steps.ts';
import { MAX_TRAINED_D, momentsSteps } from './covariance.ts';
import { eigenSteps } from './eigen.ts';
import { MatrixTransform, makePanels, panelsBytes } from './linear.ts';
import { nearestOrthonormalSteps } from './orthonormal.ts';
import { product } from './pca.ts';
import type { TransformTrainOptions } from './transform.ts';

/** Options of OPQTransform. */
export interface OPQTransformOptions {
	/** Dimension of the rows it takes, 1..8192. */
	readonly d: number;
	/** Sub-vectors of the quantizer behind. */
	readonly m: number;
	/** A multiple of m. Default: the least that is not below d. Fewer than d also reduce the dimension. */
	readonly dOut?: number | undefined;
	/** Bits of a sub-code of the quantizer behind, 4..8; more gain nothing here. Default: 8. */
	readonly nbits?: number | undefined;
	/** Most iterations; it stops when they gain little. Default: 25. */
	readonly niter?: number | undefined;
	/** Memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

/** Training looks at this many rows for each reproduction value, or for each dimension, whichever is more; at most MAX_ROWS. */
const PER_VALUE = 128;
const PER_DIMENSION = 100;
const MAX_ROWS = 32_768;
/** Iterations of the k-means that it begins with. */
const FIRST_ITERATIONS = 4;
/** An iteration that lowers the error by less than this share is the last. */
const TOLERANCE = 5e-4;

/**
 * A rotation learnt for the product quantizer behind: 4 * d * dOut bytes.
 *
 * @example
 * using index = new IndexPreTransform({
 *   transforms: [new OPQTransform({ d: 64, m: 8, niter: 5 })],
 *   index: new IndexPQ({ d: 64, m: 8 }),
 * });
 * index.train(vectors).add(vectors);
 * console.log(index.search(queries, 10).hits(0).length); // 10
 */
export class OPQTransform extends MatrixTransform {
	readonly type = 'OPQTransform';
	readonly isReversible = true;
	/** Sub-vectors of the quantizer behind. */
	readonly m: number;
	/** Bits of a sub-code of the quantizer behind. */
	readonly nbits: number;
	/** Most iterations of training. */
	readonly niter: number;

	constructor(options: OPQTransformOptions) {
		const where = 'OPQTransform';
		checkKeys(where, options, ['d', 'm', 'dOut', 'nbits', 'niter', 'engine']);
		const d = checkInt(where, 'd', options.d, 1, MAX_TRAINED_D);
		const m = checkInt(where, 'm', options.m, 1, MAX_TRAINED_D);
		const dOut = checkInt(where, 'dOut', options.dOut ?? Math.ceil(d / m) * m, m, MAX_TRAINED_D);
		if (dOut % m !== 0) throw new RangeError(`${where}: m must divide dOut = ${dOut}, got ${m}`);
		super(where, d, dOut, options.engine);
		this.m = m;
		this.nbits = checkInt(where, 'nbits', options.nbits ?? 8, 4, 8);
		this.niter = checkInt(where, 'niter', options.niter ?? 25, 0, 10_000);
	}

	/** @internal */
	trainingLimit(): number {
		return Math.min(MAX_ROWS, Math.max(PER_VALUE * 2 ** this.nbits, PER_DIMENSION * this.dOut));
	}

	/** @internal */
	*trainSteps(rows: TrainingRows, options: TransformTrainOptions, residuals?: TrainingRows): Steps<void> {
		const { dIn, dOut, engine, m, nbits } = this;
		const { arena } = engine;
		if (residuals !== undefined && dOut >= dIn) {
			yield* this.trainSteps(residuals, options);
			return;
		}
		const centred = (options.metric ?? 'l2') === 'l2';
		const { mean, covariance } = yield* momentsSteps(engine, rows, centred, 'covariance');
		const few = Math.min(dIn, dOut);
		const { values, vectors } = yield* eigenSteps(covariance, dIn, few);
		const slots = allocate(values, few, dOut, m);
		const project = new Float64Array(dOut * dIn);
		if (dOut < dIn) project.set(vectors);
		else for (let i = 0; i < dIn; i++) project[i * dIn + i] = 1;
		const starts = [placed(slots, dOut < dIn ? undefined : vectors, dIn, dOut)];
		if (dOut >= dIn) starts.push(placed(Array.from(slots.keys()), undefined, dIn, dOut));
		const z = arena.alloc(rows.n * dOut * 4);
		try {
			if (residuals === undefined) yield* projectRows(engine, rows, project, mean, dOut, z);
			else {
				yield* projectRows(engine, residuals, project, new Float64Array(dIn), dOut, z);
				const spread = yield* momentsSteps(engine, residentRows(z, rows.n, dOut), false, 'covariance');
				const axes = yield* eigenSteps(spread.covariance, dOut, dOut);
				starts.push(placed(allocate(axes.values, dOut, dOut, m), axes.vectors, dOut, dOut));
			}
			const shape = { n: rows.n, d: dOut, m, ksub: 2 ** nbits };
			const rotation = yield* rotationSteps(engine, z, shape, starts, this.niter, options.seed ?? 1234);
			this.setMatrix(Float32Array.from(product(rotation, project, dOut, dIn)));
		} finally {
			arena.free(z);
		}
	}
}

/**
 * Where each of dOut components goes: the next one, in descending order of variance, to the sub-space with the smallest
 * product of variances that has room. Those past `few` have none and fill up.
 */
function allocate(values: Float64Array, few: number, dOut: number, m: number): number[] {
	const dsub = dOut / m;
	// A product as fraction * 2^exponent: hundreds of small factors would vanish.
	const products = Array.from({ length: m }, () => ({ fraction: 1, exponent: 0, size: 0 }));
	const least = values[0]! > 0 ? values[0]! * 1e-12 : 1;
	return Array.from({ length: dOut }, (_, i) => {
		let best = -1;
		for (const [j, p] of products.entries()) {
			if (p.size === dsub) continue;
			const b = products[best];
			const smaller =
				b === undefined || p.exponent < b.exponent || (p.exponent === b.exponent && p.fraction < b.fraction);
			if (smaller) best = j;
		}
		const bucket = products[best]!;
		bucket.fraction *= i < few ? Math.max(values[i]!, least) : least;
		for (; bucket.fraction >= 1; bucket.exponent++) bucket.fraction /= 2;
		for (; bucket.fraction < 0.5; bucket.exponent--) bucket.fraction *= 2;
		return best * dsub + bucket.size++;
	});
}

/** The rotation, size dOut * dOut, whose row slots[i] is component i: row i of `vectors`, or axis i. */
function placed(
	slots: readonly number[],
	vectors: Float64Array | undefined,
	dIn: number,
	dOut: number,
): Float64Array<ArrayBuffer> {
	const out = new Float64Array(dOut * dOut);
	for (const [i, slot] of slots.entries()) {
		if (vectors === undefined || i >= dIn) out[slot * dOut + i] = 1;
		else out.set(vectors.subarray(i * dIn, (i + 1) * dIn), slot * dOut);
	}
	return out;
}

/** z = P (x - mean) for all rows. */
function* projectRows(
	engine: Engine,
	rows: TrainingRows,
	p: Float64Array,
	mean: Float64Array,
	dOut: number,
	z: number,
): Steps<void> {
	const { arena, kernels } = engine;
	const { n, d } = rows;
	const matrix = arena.allocCopy(Float32Array.from(p));
	let panels = 0;
	try {
		panels = makePanels(engine, matrix, dOut, d);
		const bias = panels + panelsBytes(dOut, d);
		for (let j = 0; j < dOut; j++) {
			let sum = 0;
			for (let t = 0; t < d; t++) sum += p[j * d + t]! * mean[t]!;
			arena.f32[(bias >>> 2) + j] = -sum;
		}
		for (let start = 0; start < n; start += CHUNK) {
			const count = Math.min(CHUNK, n - start);
			kernels.applyLinear(rows.chunk(start, count), count, d, panels, bias, dOut, z + start * dOut * 4);
			yield { phase: 'project', done: start + count, total: n };
		}
	} finally {
		arena.free(matrix);
		arena.free(panels);
	}
}

interface Shape {
	readonly n: number;
	readonly d: number;
	readonly m: number;
	readonly ksub: number;
}

/** The best rotation of n rows of d values at z, size d * d. */
function* rotationSteps(
	engine: Engine,
	z: number,
	shape: Shape,
	starts: readonly Float64Array<ArrayBuffer>[],
	niter: number,
	seed: number,
): Steps<Float64Array<ArrayBuffer>> {
	const { arena } = engine;
	const { n, d, m, ksub } = shape;
	const dsub = d / m;
	const k = Math.min(ksub, n);
	/** Reproduction values, layout (m, k, dsub); those of the best start, and of the one being tried. */
	const bytes = m * k * dsub * 4;
	const values = arena.alloc(2 * bytes);
	const room = arena.alloc(Math.max(n * dsub * 4, k * d * 8 + k * 4) + d * dsub * 4);
	try {
		let rotation = starts[0]!;
		let least = Number.POSITIVE_INFINITY;
		for (const start of starts) {
			const error = yield* firstValues(engine, z, { ...shape, ksub: k }, start, seed, values + bytes, room);
			if (error >= least) continue;
			least = error;
			rotation = start;
			arena.u8.copyWithin(values, values + bytes, values + 2 * bytes);
		}
		let before = Number.POSITIVE_INFINITY;
		for (let iteration = 0; iteration < niter; iteration++) {
			const phase = `OPQ: iteration ${iteration + 1} of ${niter}`;
			/** Sum of y' z^T, layout (d, d). */
			const products = new Float64Array(d * d);
			let error = 0;
			for (let j = 0; j < m; j++) {
				const rows = rotation.subarray(j * dsub * d, (j + 1) * dsub * d);
				const own = products.subarray(j * dsub * d, (j + 1) * dsub * d);
				const at = values + j * k * dsub * 4;
				error += yield* subspaceSteps(engine, { z, n, d, dsub, k, rows, values: at, room, own, phase });
			}
			rotation = yield* nearestOrthonormalSteps(products, d, phase);
			if (error > (1 - TOLERANCE) * before) break;
			before = error;
		}
		return rotation;
	} finally {
		arena.free(values);
		arena.free(room);
	}
}

/** Reproduction values for a rotation by a short k-means for each sub-space; returns their error. */
function* firstValues(
	engine: Engine,
	z: number,
	{ n, d, m, ksub }: Shape,
	rotation: Float64Array,
	seed: number,
	values: number,
	room: number,
): Steps<number> {
	const { arena, kernels } = engine;
	const dsub = d / m;
	const bytes = ksub * dsub * 4;
	const matrix = room + n * dsub * 4;
	let error = 0;
	for (let j = 0; j < m; j++) {
		arena.writeF32(matrix, rotation.subarray(j * dsub * d, (j + 1) * dsub * d));
		const panels = makePanels(engine, matrix, dsub, d);
		kernels.applyLinear(z, n, d, panels, panels + panelsBytes(dsub, d), dsub, room);
		arena.free(panels);
		const phase = `OPQ: codebook ${j + 1} of ${m}`;
		const options = { niter: FIRST_ITERATIONS, seed: (seed + j) >>> 0 };
		const trained = yield* kmeansSteps(engine, residentRows(room, n, dsub), ksub, options, phase);
		error += trained.iterations.at(-1)!.objective;
		arena.u8.copyWithin(values + j * bytes, trained.ptr, trained.ptr + bytes);
		arena.free(trained.ptr);
	}
	return error;
}

/**
 * One sub-space: assigns the rotated sub-vectors, moves the reproduction values, and adds c S_c^T up in `own`.
 *
 * @returns The error before the values moved.
 */
function* subspaceSteps(
	engine: Engine,
	job: {
		z: number;
		n: number;
		d: number;
		dsub: number;
		k: number;
		/** The dsub rows of the rotation that make these sub-vectors. */
		rows: Float64Array;
		values: number;
		room: number;
		own: Float64Array;
		phase: string;
	},
): Steps<number> {
	const { z, n, d, dsub, k, rows, values, room, own, phase } = job;
	const { arena, kernels } = engine;
	const sums = room;
	const counts = sums + k * d * 8;
	const matrix = counts + k * 4;
	arena.u8.fill(0, sums, matrix);
	arena.writeF32(matrix, rows);
	const sub = arena.alloc(CHUNK * dsub * 4);
	let panels = 0;
	let error = 0;
	try {
		panels = makePanels(engine, matrix, dsub, d);
		using assigner = new Assigner(engine, dsub, values, k, 'l2', n);
		for (let start = 0; start < n; start += CHUNK) {
			const count = Math.min(CHUNK, n - start);
			const x = z + start * d * 4;
			kernels.applyLinear(x, count, d, panels, panels + panelsBytes(dsub, d), dsub, sub);
			assigner.assignChunk(sub, count);
			kernels.sumRows(x, count, d, assigner.labels, sums, counts);
			const distances = (assigner.labels >>> 2) + CHUNK;
			for (let i = 0; i < count; i++) error += arena.f32[distances + i]!;
			yield { phase, done: start + count, total: n };
		}
		const { f32, f64, u32 } = arena;
		for (let c = 0; c < k; c++) {
			const size = u32[(counts >>> 2) + c]!;
			if (size === 0) continue;
			const s = f64.subarray(sums / 8 + c * d, sums / 8 + (c + 1) * d);
			for (let r = 0; r < dsub; r++) {
				let dot = 0;
				for (let t = 0; t < d; t++) dot += rows[r * d + t]! * s[t]!;
				const value = dot / size;
				f32[(values >>> 2) + c * dsub + r] = value;
				for (let t = 0; t < d; t++) own[r * d + t] = own[r * d + t]! + value * s[t]!;
			}
		}
		return error;
	} finally {
		arena.free(sub);
		arena.free(panels);
	}
}
