/**
 * Transforms ahead of an index: PCA, OPQ, random rotations, normalisation. FAISS's IndexPreTransform.
 *
 * Distances are those of the index inside, between transformed vectors. Its metric is that of the whole: under 'cosine'
 * rows are normalised, transformed, and, as by every index under 'cosine', normalised again. An orthonormal transform
 * of dOut >= dIn leaves nothing for the second time; after one that drops dimensions the result is the cosine of what
 * was kept, which ranks better than its inner product when much was dropped (20,000 text vectors of 256 dimensions,
 * exact search after PCA to 32 / 64 / 128: recall@10 0.325 / 0.521 / 0.732 against 0.305 / 0.503 / 0.740). For inner
 * products of what was kept: NormalizeTransform first, and an index with metric 'ip'.
 */

import { CHUNK, sampleRows } from '../cluster/rows.ts';
import type { OptionTable, RefineSearchParams } from '../core/options.ts';
import type { IndexStats, SearchResult } from '../core/result.ts';
import { VectorSet } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import type { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { Engine } from '../kernels/engine.ts';
import { OPQTransform } from '../transforms/opq.ts';
import { Transform } from '../transforms/transform.ts';
import { checkKeys, show } from '../util/check.ts';
import { type Steps, within } from '../util/steps.ts';
import { Index, type RetrainOptions, type StagedRows, type TrainOptions } from './base.ts';
import { chunks } from './batch.ts';
import type { LabelSpace } from './filter.ts';
import type { CellMeasures, RowSource } from './health.ts';
import type { IndexIVF } from './ivf.ts';
import type { RebalanceOptions, RebalanceReport } from './rebalance.ts';
import { residualRowsSteps } from './residual-rows.ts';
import type { Rerank } from './searched-cells.ts';
import { prefixed, type TrainedState, teachTransform, transformLike, transformState } from './trained.ts';
import { chainOf, rowsBehind, type TransformChain, transformedSource, transformSteps } from './transformed-rows.ts';

/** Options of IndexPreTransform. */
export interface IndexPreTransformOptions {
	/** 1 to 8, first to last; each takes the rows that the one before makes. Owned by the index from now on. */
	readonly transforms: readonly Transform[];
	/** What the transformed rows go to; must be empty, its d the dOut of the last transform. Owned by this index from now on. */
	readonly index: Index;
}

export const MAX_TRANSFORMS = 8;
/** Transformed rows of an add are held to this many bytes at a time. */
const PART_BYTES = 2 ** 24;
/** Kinds that stay outside: ids and chains. */
const OUTSIDE: readonly string[] = ['IndexIDMap', 'IndexPreTransform'];

/**
 * Transforms, then an index over what they make. Bytes are those of the index, and of the matrices.
 *
 * @example
 * using index = new IndexPreTransform({
 *   transforms: [new PCATransform({ dIn: 64, dOut: 32 })],
 *   index: new IndexFlat({ d: 32 }),
 * });
 * index.train(vectors).add(vectors);
 * console.log(index.d, index.index.d, index.search(vectors.row(42), 1).labels[0]); // 64 32 42
 */
export class IndexPreTransform extends Index {
	readonly type = 'IndexPreTransform';
	/** Applied first to last. */
	readonly transforms: readonly Transform[];
	/** What the transformed rows go to. */
	readonly index: Index;
	readonly #chain: TransformChain;

	constructor(options: IndexPreTransformOptions) {
		const where = 'IndexPreTransform';
		checkKeys(where, options, ['transforms', 'index']);
		const { transforms, index } = options;
		if (!(index instanceof Index)) throw new TypeError(`${where}: index must be an index, got ${show(index)}`);
		if (OUTSIDE.includes(index.type)) throw new TypeError(`${where}: index cannot be an ${index.type}; put it outside`);
		if (index.labelEnd > 0) throw new RangeError(`${where}: index must be empty, it holds ${index.ntotal} vectors`);
		checkChain(where, transforms, index);
		super(where, { d: transforms[0]!.dIn, metric: index.metric, engine: index.engine });
		this.transforms = Object.freeze([...transforms]);
		this.index = index;
		this.#chain = chainOf(this);
	}

	get ntotal(): number {
		return this.index.ntotal;
	}

	override get labelEnd(): number {
		return this.index.labelEnd;
	}

	get isTrained(): boolean {
		return this.index.isTrained && this.transforms.every((transform) => transform.isTrained);
	}

	get byteLength(): number {
		return this.index.byteLength + this.#transformBytes;
	}

	stats(): IndexStats {
		const inner = this.index.stats();
		const bytes = { ...inner.bytes, transforms: this.#transformBytes };
		return { ...inner, type: this.type, d: this.d, bytes };
	}

	get #transformBytes(): number {
		return this.transforms.reduce((sum, transform) => sum + transform.byteLength, 0);
	}

	/** @internal */
	get searchTable(): OptionTable {
		return this.index.searchTable;
	}

	/** @internal */
	override get live(): LabelBitmap | undefined {
		return this.index.live;
	}

	/** @internal */
	override get labelSpace(): LabelSpace {
		return this.index.labelSpace;
	}

	/** @internal */
	override get canTruncate(): boolean {
		return this.index.canTruncate;
	}

	/** @internal */
	override trainingLimit(options: TrainOptions): number {
		return Math.max(this.index.trainingLimit(options), ...this.transforms.map((one) => one.trainingLimit()));
	}

	/** Each transform learns from rows that those before it have transformed, the index last. @internal */
	*trainSteps(x: VectorSet, options: TrainOptions): Steps<void> {
		const { engine, transforms, index, metric } = this;
		const seed = options.seed ?? 1234;
		const before = transforms.map((transform) => ({ transform, learnt: transform.takeLearnt() }));
		let done = false;
		try {
			for (const [i, transform] of transforms.entries()) {
				const sample = sampleRows(x.n, Math.max(1, transform.trainingLimit()), (seed + 16 + i) >>> 0);
				using rows = rowsBehind(this.#chain, x, sample, i);
				const cells = i === transforms.length - 1 && transform instanceof OPQTransform ? index.residualCells : 0;
				if (cells === 0) yield* transform.trainSteps(rows, { seed, metric });
				else {
					using others = rowsBehind(this.#chain, x, sample, i);
					using residuals = yield* residualRowsSteps(engine, others, { metric, nlist: cells, seed });
					yield* (transform as OPQTransform).trainSteps(rows, { seed, metric }, residuals);
				}
			}
			const limit = Math.max(1, Math.min(x.n, index.trainingLimit(options)));
			const sample = sampleRows(x.n, limit, (seed + 15) >>> 0);
			using rows = rowsBehind(this.#chain, x, sample, transforms.length);
			const data = new Float32Array(sample.length * index.d);
			for (const [start, count] of chunks(sample.length)) {
				const ptr = rows.chunk(start, count) >>> 2;
				data.set(engine.arena.f32.subarray(ptr, ptr + count * index.d), start * index.d);
				yield { phase: 'transform', done: start + count, total: sample.length };
			}
			yield* index.trainSteps(checked(new VectorSet(data, index.d), 'train', 0), options);
			done = true;
		} finally {
			for (const { learnt } of before)
				if (done) learnt.free();
				else learnt.putBack();
		}
	}

	/** @internal */
	*addSteps(x: VectorSet): Steps<void> {
		const { index } = this;
		const { d } = index;
		// An index that can take rows back gets them in parts of bounded size, others all at once.
		const size = index.canTruncate ? Math.max(1, Math.floor(PART_BYTES / (4 * d * CHUNK))) * CHUNK : Math.max(1, x.n);
		const before = index.labelEnd;
		if (x.n > size) index.reserveRows(x.n);
		const data = new Float32Array(Math.min(size, x.n) * d);
		let done = false;
		try {
			for (const [start, count] of chunks(x.n, size)) {
				const part = new VectorSet(data.subarray(0, count * d), d);
				yield* transformSteps(this.#chain, x, start, part, 'add', x.n);
				yield* within(index.addSteps(checked(part, 'add', start)), start, x.n);
			}
			done = true;
		} finally {
			if (!done && index.labelEnd > before) index.truncateRows(before);
		}
	}

	/** @internal */
	override hasLabel(label: number): boolean {
		return this.index.hasLabel(label);
	}

	/** @internal */
	override liveLabels(): Generator<number> {
		return this.index.liveLabels();
	}

	/** @internal */
	override prepareRemoval(): void {
		this.index.prepareRemoval();
	}

	/** @internal */
	override removeLabel(label: number): void {
		this.index.removeLabel(label);
	}

	/** @internal */
	override get canUpdate(): boolean {
		return this.index.canUpdate;
	}

	/** @internal */
	override *stageSteps(x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
		const { d } = this.index;
		const rows = new VectorSet(new Float32Array(x.n * d), d);
		yield* transformSteps(this.#chain, x, 0, rows, 'transform', x.n);
		return yield* this.index.stageSteps(checked(rows, 'update', 0), labels);
	}

	/** @param rerank - What becomes of the candidates, where the index is one of cells. @internal */
	*searchSteps(
		q: VectorSet,
		k: number,
		params: RefineSearchParams,
		result: SearchResult,
		admitted?: LabelBitmap,
		rerank?: Rerank,
	): Steps<void> {
		const { index } = this;
		const queries = yield* this.querySteps(q);
		if (rerank === undefined) yield* index.searchSteps(queries, k, params, result, admitted);
		else yield* (index as IndexIVF).searchSteps(queries, k, params, result, admitted, { ...rerank, queries: q });
	}

	/** Queries as the index inside gets them. @internal */
	*querySteps(q: VectorSet): Steps<VectorSet> {
		const queries = new VectorSet(new Float32Array(q.n * this.index.d), this.index.d);
		yield* transformSteps(this.#chain, q, 0, queries, 'transform', q.n);
		return queries;
	}

	/** The row of the index led back through the transforms. @internal */
	reconstructRow(row: number): Float32Array<ArrayBuffer> {
		return this.#reverse(this.index.reconstructRow(row));
	}

	/** What a row was before all transforms. */
	#reverse(row: Float32Array): Float32Array<ArrayBuffer> {
		for (const transform of this.transforms) transform.checkReversible(`${this.type}.reconstruct`);
		return this.transforms.reduceRight((vector, transform) => transform.reverseRow(vector), Float32Array.from(row));
	}

	/** @internal */
	override reconstructRows(rows: Uint32Array, out: Float32Array): void {
		if (rows.length === 0) return;
		const { d } = this.index;
		const inner = new Float32Array(rows.length * d);
		this.index.reconstructRows(rows, inner);
		for (let i = 0; i < rows.length; i++) out.set(this.#reverse(inner.subarray(i * d, (i + 1) * d)), i * this.d);
	}

	/** @internal */
	override widened(params: RefineSearchParams, k: number): RefineSearchParams {
		return this.index.widened(params, k);
	}

	/** @internal */
	override isExhaustive(params: RefineSearchParams, k: number): boolean {
		return this.index.isExhaustive(params, k);
	}

	/** @internal */
	override alike(engine: Engine): IndexPreTransform {
		const transforms = this.transforms.map((transform) => transformLike(transform, engine));
		return new IndexPreTransform({ transforms, index: this.index.alike(engine) });
	}

	/** @internal */
	override trainedState(): TrainedState {
		const states = this.transforms.flatMap((one, i) => [...prefixed(`transform ${i} `, transformState(one))]);
		return new Map([...states, ['class inside', this.index.type], ...this.index.trainedState()]);
	}

	/** @internal */
	override noteSpread(): () => void {
		return this.index.noteSpread();
	}

	/** @internal */
	override measureCells(exact?: RowSource): CellMeasures {
		return this.index.measureCells(exact && transformedSource(this.#chain, exact));
	}

	/** @internal */
	override rebalanceSteps(options: RebalanceOptions, exact?: RowSource): Steps<RebalanceReport> {
		return this.index.rebalanceSteps(options, exact && transformedSource(this.#chain, exact));
	}

	/** @internal */
	override *retrainSteps(x: VectorSet | undefined, options: RetrainOptions, exact?: RowSource): Steps<void> {
		let rows: VectorSet | undefined;
		if (x !== undefined) {
			rows = new VectorSet(new Float32Array(x.n * this.index.d), this.index.d);
			yield* transformSteps(this.#chain, x, 0, rows, 'transform', x.n);
		}
		yield* this.index.retrainSteps(
			rows && checked(rows, 'retrain', 0),
			options,
			exact && transformedSource(this.#chain, exact),
		);
	}

	/** @internal */
	override teach(from: Index): void {
		const { transforms, index } = from as IndexPreTransform;
		for (const [i, one] of transforms.entries()) teachTransform(this.transforms[i]!, transformState(one));
		this.index.teach(index);
	}

	/** @internal */
	override mergeSteps(other: Index): Steps<void> {
		return this.index.mergeSteps((other as IndexPreTransform).index);
	}

	/** @internal */
	reserveRows(n: number): void {
		this.index.reserveRows(n);
	}

	/** @internal */
	override shrinkRows(): void {
		this.index.shrinkRows();
	}

	/** @internal */
	override truncateRows(n: number): void {
		this.index.truncateRows(n);
	}

	/** @internal */
	resetRows(): void {
		this.index.resetRows();
	}

	/** @internal */
	release(): void {
		for (const transform of this.transforms) transform[Symbol.dispose]();
		this.index[Symbol.dispose]();
	}
}

function checkChain(where: string, transforms: readonly Transform[], index: Index): void {
	if (!Array.isArray(transforms) || transforms.length < 1 || transforms.length > MAX_TRANSFORMS) {
		throw new RangeError(
			`${where}: transforms must be an array of 1..${MAX_TRANSFORMS} transforms, got ${show(transforms)}`,
		);
	}
	for (const [i, transform] of (transforms as readonly unknown[]).entries()) {
		if (!(transform instanceof Transform)) {
			throw new TypeError(`${where}: transforms[${i}] must be a transform, got ${show(transform)}`);
		}
		if (transform.engine !== index.engine)
			throw new RangeError(`${where}: transforms[${i}] and index must have one engine`);
		const next = (transforms as readonly Transform[])[i + 1];
		const [name, expected] = next === undefined ? ['index.d', index.d] : [`transforms[${i + 1}].dIn`, next.dIn];
		if (transform.dOut === expected) continue;
		const message = `${where}: transforms[${i}] makes rows of ${transform.dOut} values, ${name} is ${expected}`;
		throw new VecinoError('dimension-mismatch', message, { expected, found: transform.dOut });
	}
}

/** Transformed rows, which can be too large for float32 where the given ones were not. */
function checked(rows: VectorSet, method: string, first: number): VectorSet {
	const bad = rows.data.findIndex((value) => value - value !== 0);
	if (bad < 0) return rows;
	const row = first + Math.floor(bad / rows.d);
	const message = `IndexPreTransform.${method}: row ${row} holds ${rows.data[bad]} once transformed; scale it down or remove it`;
	throw new VecinoError('not-finite', message, { row });
}
