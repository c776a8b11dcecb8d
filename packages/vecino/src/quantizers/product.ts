/**
 * Product quantization (Jégou, Douze, Schmid, 2011): a vector is cut into m sub-vectors, each is
 * replaced by the number of its nearest reproduction value out of ksub = 2**nbits.
 *
 * Codes of nbits = 8 are bytes; others are a little-endian bit string, as FAISS packs them:
 * codeSize = ceil(m * nbits / 8).
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import { progressiveSteps } from '../cluster/progressive.ts';
import { CHUNK, residentRows, sampledRows, sampleRows, type TrainingRows } from '../cluster/rows.ts';
import { resolveOptions, TRAIN_OPTIONS } from '../core/options.ts';
import { MAX_D, toVectorSet, VectorSet, type Vectors } from '../core/vectors.ts';
import { VecinoError } from '../errors.ts';
import { defaultEngine, type Engine } from '../kernels/engine.ts';
import { PQ_WAYS, pqEncodeScratchBytes, pqManyBytes, SCAN_LISTS } from '../kernels/kernels.ts';
import { interleaved } from '../kernels/pool/parallel.ts';
import { checkBoolean, checkInt, checkKeys, checkOneOf, show } from '../util/check.ts';
import { runSync, type Steps } from '../util/steps.ts';
import { align16, type Codec, type CodeScanner, type ManyScanner, RowCodec, type ScanKind } from './codec.ts';

/** Options of ProductQuantizer. */
export interface ProductQuantizerOptions {
	/** Dimension of the vectors. */
	readonly d: number;
	/** Sub-vectors; divides d unless `pad` is set. */
	readonly m: number;
	/** Bits of a sub-code, 4..12. Default: 8. */
	readonly nbits?: number | undefined;
	/** Fill vectors up with zeros when m does not divide d. Default: false. */
	readonly pad?: boolean | undefined;
	/** Memory and kernels to use. Default: the shared engine. */
	readonly engine?: Engine | undefined;
}

export const MIN_NBITS = 4;
export const MAX_NBITS = 12;
/** Sub-spaces trained side by side for each thread: more even out how long they take, fewer take less memory. */
const SIDE_BY_SIDE = 8;
/** Most training rows, whatever nbits: beyond it 12-bit codebooks gain nothing measurable and take minutes. */
const MAX_TRAINING_ROWS = 262_144;

/** Codes of more bytes are scanned for one query at a time: tables of eight would not stay in L2. */
const MAX_MANY = 64;

/**
 * Vectors of d values as codes of m sub-codes: m * nbits bits each, and a codebook of 4 * ksub * d bytes.
 *
 * @example
 * using pq = new ProductQuantizer({ d: 64, m: 8 });
 * pq.train(vectors);
 * const codes = pq.encode(vectors.slice(0, 1));
 * const [viaTable] = pq.adc(pq.distanceTable(queries.row(0)), codes);
 * const decoded = squaredL2(queries.row(0), pq.decode(codes).row(0));
 * console.log(codes.length, Math.abs(viaTable! - decoded) < 1e-3); // 8 true
 */
export class ProductQuantizer extends RowCodec implements Codec {
	/** Dimension of the vectors. */
	readonly d: number;
	/** Sub-vectors. */
	readonly m: number;
	/** Bits of a sub-code. */
	readonly nbits: number;
	/** Values of a sub-code, 2**nbits. */
	readonly ksub: number;
	/** Dimensions of a sub-vector; m * dsub >= d, more only when padded. */
	readonly dsub: number;
	/** Bytes of a code: ceil(m * nbits / 8). */
	readonly codeSize: number;
	/** @internal */
	protected readonly engine: Engine;
	/** Codebook in panels, layout (m, ksub / 8, dsub, 8); 0 before training. */
	#panels = 0;
	/** |c|^2 / 2 of every reproduction value, layout (m, ksub). */
	#halfNorms = 0;

	/** @throws {RangeError} when m does not divide d and `pad` is not set; the message lists the valid m. */
	constructor(options: ProductQuantizerOptions) {
		super();
		const where = 'ProductQuantizer';
		checkKeys(where, options, ['d', 'm', 'nbits', 'pad', 'engine']);
		const d = checkInt(where, 'd', options.d, 1, MAX_D);
		const m = checkInt(where, 'm', options.m, 1, d);
		const nbits = checkInt(where, 'nbits', options.nbits ?? 8, MIN_NBITS, MAX_NBITS);
		if (d % m !== 0 && !checkBoolean(where, 'pad', options.pad ?? false)) {
			throw new RangeError(
				`${where}: m must divide d = ${d}, got ${m}; valid m are ${divisors(d).join(', ')} (or set pad: true to fill up with zeros)`,
			);
		}
		this.d = d;
		this.m = m;
		this.nbits = nbits;
		this.ksub = 2 ** nbits;
		this.dsub = Math.ceil(d / m);
		this.codeSize = Math.ceil((m * nbits) / 8);
		this.engine = options.engine ?? defaultEngine();
	}

	/** Whether there is a codebook. */
	get isTrained(): boolean {
		return this.#panels !== 0;
	}

	/**
	 * Learns the codebook: k-means per sub-space (seed + j for sub-space j). With fewer rows than ksub
	 * the unused reproduction values repeat the first and are never chosen.
	 *
	 * @example
	 * using pq = new ProductQuantizer({ d: 64, m: 8 });
	 * console.log(pq.train(vectors).codebook.length === 8 * 256 * 8); // true
	 */
	train(x: Vectors, options?: KMeansOptions): this {
		const where = 'ProductQuantizer.train';
		const resolved = resolveOptions(where, options, TRAIN_OPTIONS);
		const set = toVectorSet(where, 'x', x, this.d);
		if (set.n === 0) throw new RangeError(`${where}: at least one vector is needed`);
		const sample = sampleRows(set.n, this.trainingLimit(resolved), resolved.seed!);
		using rows = sampledRows(this.engine, set, sample, false);
		runSync(this.trainSteps(rows, resolved), resolved);
		return this;
	}

	/**
	 * Codes of n vectors, size n * codeSize.
	 *
	 * @example
	 * using pq = new ProductQuantizer({ d: 64, m: 8, nbits: 4 });
	 * console.log(pq.train(vectors).encode(queries).length); // 40
	 */
	encode(x: Vectors): Uint8Array<ArrayBuffer> {
		const { arena } = this.engine;
		this.#checkTrained('encode');
		const set = toVectorSet('ProductQuantizer.encode', 'x', x, this.d);
		const codes = new Uint8Array(set.n * this.codeSize);
		const rows = arena.alloc(CHUNK * this.d * 4);
		const out = arena.alloc(CHUNK * this.codeSize);
		const scratch = arena.alloc(this.encodeScratchBytes);
		try {
			for (let start = 0; start < set.n; start += CHUNK) {
				const count = Math.min(CHUNK, set.n - start);
				arena.writeF32(rows, set.data.subarray(start * this.d, (start + count) * this.d));
				this.encodeRows(rows, count, out, scratch);
				codes.set(arena.u8.subarray(out, out + count * this.codeSize), start * this.codeSize);
			}
			return codes;
		} finally {
			for (const ptr of [rows, out, scratch]) arena.free(ptr);
		}
	}

	/**
	 * The vectors that n codes stand for.
	 *
	 * @example
	 * using pq = new ProductQuantizer({ d: 64, m: 8 });
	 * const decoded = pq.train(vectors).decode(pq.encode(queries));
	 * console.log(decoded.n, squaredL2(decoded.row(0), queries.row(0)) < squaredL2(queries.row(0), queries.row(1))); // 10 true
	 */
	decode(codes: Uint8Array): VectorSet {
		const { arena } = this.engine;
		this.#checkTrained('decode');
		const n = this.#checkCodes('decode', codes);
		const ptr = arena.alloc(codes.byteLength + 4);
		const out = arena.alloc(n * this.d * 4);
		try {
			arena.u8.set(codes, ptr);
			this.decodeRows(ptr, n, out);
			return new VectorSet(arena.readF32(out, n * this.d), this.d);
		} finally {
			arena.free(ptr);
			arena.free(out);
		}
	}

	/**
	 * The ADC table of one query, layout (m, ksub): squared distance ('l2') or negated inner product ('ip')
	 * of its sub-vectors to every reproduction value, so that smaller is nearer for both.
	 *
	 * @example
	 * using pq = new ProductQuantizer({ d: 64, m: 8 });
	 * console.log(pq.train(vectors).distanceTable(queries.row(0)).length); // 2048
	 */
	distanceTable(q: Vectors, metric: 'l2' | 'ip' = 'l2'): Float32Array<ArrayBuffer> {
		const { arena } = this.engine;
		this.#checkTrained('distanceTable');
		checkOneOf('ProductQuantizer.distanceTable', 'metric', metric, ['l2', 'ip']);
		const set = toVectorSet('ProductQuantizer.distanceTable', 'q', q, this.d);
		if (set.n !== 1) throw new RangeError(`ProductQuantizer.distanceTable: q must be one vector, got ${set.n}`);
		const scanner = this.scanner(metric);
		const state = arena.alloc(scanner.stateBytes);
		const query = arena.allocCopy(set.data);
		try {
			scanner.setQuery(query, state);
			return arena.readF32(state, this.m * this.ksub);
		} finally {
			arena.free(state);
			arena.free(query);
		}
	}

	/**
	 * Distances of n codes by a table: the sum of one entry per sub-code.
	 *
	 * @example
	 * using pq = new ProductQuantizer({ d: 64, m: 8 });
	 * const codes = pq.train(vectors).encode(vectors);
	 * console.log(pq.adc(pq.distanceTable(queries.row(0), 'ip'), codes).length); // 2000
	 */
	adc(table: Float32Array, codes: Uint8Array): Float32Array<ArrayBuffer> {
		const { arena, kernels } = this.engine;
		const n = this.#checkCodes('adc', codes);
		if (!(table instanceof Float32Array) || table.length !== this.m * this.ksub) {
			throw new RangeError(
				`ProductQuantizer.adc: table must be a Float32Array of m * ksub = ${this.m * this.ksub}, got ${show(table)}`,
			);
		}
		const tablePtr = arena.allocCopy(table);
		const ptr = arena.alloc(codes.byteLength + 4);
		const out = arena.alloc(n * 4);
		try {
			arena.u8.set(codes, ptr);
			if (this.nbits === 8) kernels.adc8(ptr, n, this.m, tablePtr, out);
			else kernels.adcBits(ptr, n, this.m, this.nbits, this.codeSize, tablePtr, out);
			return arena.readF32(out, n);
		} finally {
			for (const p of [tablePtr, ptr, out]) arena.free(p);
		}
	}

	/** A copy of the codebook, size m * ksub * dsub, layout (m, ksub, dsub). */
	get codebook(): Float32Array<ArrayBuffer> {
		this.#checkTrained('codebook');
		return this.codebookRows(0, this.m * this.ksub);
	}

	/** Rows first..first + count - 1 of the codebook's m * ksub, size count * dsub; both are multiples of 8. @internal */
	codebookRows(first: number, count: number): Float32Array<ArrayBuffer> {
		const { dsub } = this;
		const { f32 } = this.engine.arena;
		const panels = (this.#panels >>> 2) + first * dsub;
		const out = new Float32Array(count * dsub);
		for (let i = 0; i < count; i++) {
			const from = panels + (i >> 3) * dsub * 8 + (i & 7);
			for (let t = 0; t < dsub; t++) out[i * dsub + t] = f32[from + t * 8]!;
		}
		return out;
	}

	/** Takes a codebook in layout (m, ksub, dsub). @internal */
	setCodebook(values: Float32Array): void {
		const { arena } = this.engine;
		const { m, ksub, dsub } = this;
		if (values.length !== m * ksub * dsub) throw new Error('internal: codebook size');
		const rows = arena.allocCopy(values);
		try {
			this.loadCodebook(rows);
		} finally {
			arena.free(rows);
		}
	}

	/** The same from m * ksub rows of dsub values in the arena. @internal */
	loadCodebook(rows: number): void {
		const { arena, kernels } = this.engine;
		const { m, ksub, dsub } = this;
		const panels = arena.alloc(m * ksub * dsub * 4);
		let halfNorms = 0;
		try {
			halfNorms = arena.alloc(m * ksub * 4);
		} finally {
			if (halfNorms === 0) arena.free(panels);
		}
		for (let c = 0; c < m * ksub; c += 8) kernels.packPanel(rows + c * dsub * 4, 8, dsub, panels + c * dsub * 4);
		kernels.normsSquared(rows, m * ksub, dsub, halfNorms);
		const norms = arena.f32.subarray(halfNorms >>> 2, (halfNorms >>> 2) + m * ksub);
		for (let i = 0; i < norms.length; i++) norms[i] = norms[i]! / 2;
		this[Symbol.dispose]();
		this.#panels = panels;
		this.#halfNorms = halfNorms;
	}

	// ── Codec ──────────────────────────────────────────────────────────────────────────────────

	/** @internal */
	trainingLimit(options: KMeansOptions): number {
		return Math.min(MAX_TRAINING_ROWS, this.ksub * (options.maxPointsPerCentroid ?? 256));
	}

	/** @internal */
	*trainSteps(rows: TrainingRows, options: KMeansOptions): Steps<void> {
		const { arena } = this.engine;
		const { m, ksub, dsub } = this;
		const n = rows.n;
		const k = Math.min(ksub, n);
		const sub = arena.alloc(m * n * dsub * 4);
		try {
			scatterSubVectors(this.engine, rows, m, dsub, sub);
			const codebook = new Float32Array(m * ksub * dsub);
			const { engine } = this;
			const train = function* (j: number): Steps<void> {
				const training = residentRows(sub + j * n * dsub * 4, n, dsub);
				const seed = ((options.seed ?? 1234) + j) >>> 0;
				const phase = `codebook ${j + 1} of ${m}`;
				const each = { ...options, spherical: false, seed };
				const trained = yield* progressiveSteps(engine, training, k, each, phase, engine.threads > 1);
				const centroids = arena.readF32(trained.ptr, k * dsub);
				arena.free(trained.ptr);
				for (let c = 0; c < ksub; c++) {
					const from = c < k ? c * dsub : 0;
					codebook.set(centroids.subarray(from, from + dsub), (j * ksub + c) * dsub);
				}
			};
			// Sub-spaces do not depend on each other: with threads several are trained side by side.
			const beside = engine.threads === 1 ? 1 : engine.threads * SIDE_BY_SIDE;
			for (let j = 0; j < m; j += beside) {
				const some = Array.from({ length: Math.min(beside, m - j) }, (_, i) => train(j + i));
				yield* interleaved(engine, some);
			}
			this.setCodebook(codebook);
		} finally {
			arena.free(sub);
		}
	}

	/** @internal */
	get encodeScratchBytes(): number {
		return pqEncodeScratchBytes(this.dsub);
	}

	/** @internal */
	encodeRows(x: number, n: number, codes: number, scratch: number): void {
		const { d, m, dsub, nbits, codeSize } = this;
		this.engine.kernels.pqEncode(x, n, d, m, dsub, nbits, this.#panels, this.#halfNorms, scratch, codes, codeSize);
	}

	/** @internal */
	decodeRows(codes: number, n: number, out: number): void {
		const { d, m, dsub, nbits, codeSize } = this;
		this.engine.kernels.pqDecode(codes, n, codeSize, d, m, dsub, nbits, this.#panels, out);
	}

	/** Pointer to the codebook in the panel layout (m, ksub / 8, dsub, 8). @internal */
	get panels(): number {
		return this.#panels;
	}

	/** State of a prepared query: the table, then the query filled up with zeros. @internal */
	scanner(kind: ScanKind): CodeScanner {
		const { arena, kernels } = this.engine;
		const { d, m, dsub, nbits, ksub, codeSize } = this;
		const scale = kind === 'l2' ? 0 : kind === 'ip' ? -1 : -2;
		const tableBytes = m * ksub * 4;
		const stateBytes = align16(tableBytes + m * dsub * 4);
		return {
			stateBytes,
			setQuery: (q, state) => {
				const padded = state + tableBytes;
				arena.u8.copyWithin(padded, q, q + d * 4);
				arena.f32.fill(0, (padded >>> 2) + d, (padded >>> 2) + m * dsub);
				kernels.pqTable(padded, m, dsub, nbits, this.#panels, scale, state);
			},
			scan: (state, args) => kernels.scanPq(...args, state, m, nbits, codeSize),
			block: {
				stateBytes,
				workBytes: 0,
				prepare: (q, n, states) => ['pqPrepare', q, n, d, m, dsub, nbits, this.#panels, scale, states, stateBytes],
				scan: () => [SCAN_LISTS.pq, m, nbits, codeSize],
			},
			many: nbits === 8 && m <= MAX_MANY ? this.#many() : undefined,
		};
	}

	#many(): ManyScanner {
		const { kernels } = this.engine;
		const { m } = this;
		return {
			ways: PQ_WAYS,
			tableBytes: align16(pqManyBytes(m)),
			prepare: (states, stride, nq, tables) => kernels.pqTablesMany(states, stride, nq, m, tables),
			scan: (states, stride, nq, ...rest) => kernels.pqScanMany(states, stride, nq, m, ...rest),
		};
	}

	/** @internal */
	bytes(): Record<string, number> {
		const { arena } = this.engine;
		return { codebook: arena.sizeOf(this.#panels) + arena.sizeOf(this.#halfNorms) };
	}

	/** Gives the codebook back; train makes another. */
	[Symbol.dispose](): void {
		this.engine.arena.free(this.#panels);
		this.engine.arena.free(this.#halfNorms);
		this.#panels = 0;
		this.#halfNorms = 0;
	}

	#checkTrained(method: string): void {
		if (this.isTrained) return;
		throw new VecinoError('not-trained', `ProductQuantizer.${method}: call train first`);
	}

	#checkCodes(method: string, codes: Uint8Array): number {
		const where = `ProductQuantizer.${method}`;
		if (!(codes instanceof Uint8Array)) throw new TypeError(`${where}: codes must be a Uint8Array, got ${show(codes)}`);
		if (codes.length % this.codeSize === 0) return codes.length / this.codeSize;
		throw new RangeError(`${where}: codes.length must be a multiple of ${this.codeSize}, got ${codes.length}`);
	}
}

/** Sub-vectors side by side, layout (m, n, dsub), zeros where d ends. */
function scatterSubVectors({ arena }: Engine, rows: TrainingRows, m: number, dsub: number, out: number): void {
	const { n, d } = rows;
	for (let start = 0; start < n; start += CHUNK) {
		const count = Math.min(CHUNK, n - start);
		const x = rows.chunk(start, count) >>> 2;
		const { f32 } = arena;
		for (let j = 0; j < m; j++) {
			for (let i = 0; i < count; i++) {
				const to = (out >>> 2) + (j * n + start + i) * dsub;
				for (let t = 0; t < dsub; t++) f32[to + t] = j * dsub + t < d ? f32[x + i * d + j * dsub + t]! : 0;
			}
		}
	}
}

function divisors(d: number): number[] {
	const out: number[] = [];
	for (let m = 1; m <= d; m++) if (d % m === 0) out.push(m);
	return out;
}
