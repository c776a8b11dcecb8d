/**
 * RaBitQ: 1 to 8 bits per dimension, no codebook, unbiased distances with a known error (Gao and Long, 2024; several
 * bits: Gao, Gou, Xu, Yang, Long and Wong, 2024).
 *
 * A residual r = x - c is rotated at random, filled up to D dimensions (a multiple of 16), and each of its values
 * becomes the nearest of 2^nbits odd whole numbers, -(2^nbits - 1) .. 2^nbits - 1, times a scale of the vector's own. With
 * Y those numbers (nbits = 1: the signs s), a = |r|^2 / <Y, r> and v = q - c rotated alike, a <Y, v> is an unbiased
 * estimate of <r, v>: what Y has beside its part along r points anywhere. Its error is normal, to all intents, with
 * deviation a |Y| sin(Y, r) |v'| / sqrt(D - 1), where |v'| <= |v| is the part of v across r.
 *
 * With o a point that all queries share (the mean of the centroids),
 *   |q - x|^2 = |q - c|^2 + |r|^2 - 2 <r, v>,   <r, v> ~ a <Y, q - o> - a <Y, c - o>
 *   -q . x    = -q . c    - c . r - <r, v>
 * so that a distance is bias of the list + A + B <Y, q - o>, A and B numbers of the vector, and one table per query serves
 * all lists.
 *
 * A and B of the sign bits are bfloat16 (4 bytes together): their rounding is a twentieth of the error of the bits.
 * With more bits the others, with float32 A and B, lie apart: a search reads the sign bits of all codes, and the rest only
 * where the distance by the signs, less EPSILON deviations of its error, is within the k-th best so far
 * (assembly/rabitqscan.ts). A vector that belongs among the results is passed over with a probability of at most 2.9 %
 * (one tail beyond 1.9 deviations), and only while it is about the k-th best.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import { CHUNK, type TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { fastSlot, rabitqCodeSize, rabitqStateBytes, SCAN_LISTS } from '../kernels/kernels.ts';
import { Rng } from '../util/rng.ts';
import type { Steps } from '../util/steps.ts';
import { align16, type Codec, type CodeScanner, type RecordLayout } from './codec.ts';

export const MAX_RABITQ_BITS = 8;
/** Rows that the centre of an index without cells is the mean of. */
const MAX_TRAINING_ROWS = 100_000;
const ROUNDS = 4;
/** Deviations that a distance by the signs may be off. */
const EPSILON = 1.9;
/** Width of the cells of the best uniform quantizer of a normal distribution, for 2..8 bits (Max, 1960): where encoding starts. */
const STEPS: readonly number[] = [0.9957, 0.586, 0.335, 0.1881, 0.1041, 0.0569, 0.0308];
/** The squared cosine of r and Y, for 1..8 bits, of normal values: what shortens a r so that decoded rows are nearest. */
const FIT: readonly number[] = [0.63662, 0.886, 0.9647, 0.9895, 0.9969, 0.9992, 0.9998, 0.99995];

export interface RabitQuantizerOptions {
	readonly engine: Engine;
	readonly d: number;
	readonly metric: 'l2' | 'ip';
	/** Bits per dimension, 1..8. */
	readonly nbits: number;
	/** Seed of the rotation. */
	readonly seed: number;
	/** Rows are residuals to the centroids of cells; otherwise to their mean. */
	readonly cells: boolean;
}

export class RabitQuantizer implements Codec {
	readonly d: number;
	readonly nbits: number;
	readonly seed: number;
	readonly codeSize: number;
	readonly encodeScratchBytes: number;
	readonly blockSize = 32;
	/** Codes have no terms; lists keep the rows of extra bits where others keep terms. */
	readonly termBytes = 0;
	readonly asideBytes: number;
	readonly records: RecordLayout;
	readonly #engine: Engine;
	readonly #metric: 'l2' | 'ip';
	readonly #cells: boolean;
	/** D: d filled up to a multiple of 16. */
	readonly #size: number;
	/** Rows that a rotation multiplies by, layout (ROUNDS, D). */
	readonly #signs: number;
	/** What all queries are less: the mean of the centroids or of the training rows, d values; 0 before training. */
	#centre = 0;
	/** Largest squared length of a centroid, or that of the centre. */
	#length = 0;

	constructor({ engine, d, metric, nbits, seed, cells }: RabitQuantizerOptions) {
		this.#engine = engine;
		this.#metric = metric;
		this.#cells = cells;
		this.#size = Math.ceil(d / 16) * 16;
		this.d = d;
		this.nbits = nbits;
		this.seed = seed;
		this.codeSize = rabitqCodeSize(this.#size, nbits);
		this.encodeScratchBytes = (2 * this.#size + 4) * 4;
		const rowBytes = nbits > 1 ? 8 + (this.#size / 8) * (nbits - 1) : 0;
		this.records = { slotBytes: 4, rowBytes, floats: nbits > 1 ? 2 : 0, aside: cells };
		this.asideBytes = cells ? rowBytes : 0;
		this.#signs = engine.arena.allocCopy(rotationSigns(this.#size, seed));
	}

	get isTrained(): boolean {
		return this.#centre !== 0;
	}

	/** Rows are residuals to the centroids of cells. */
	get hasCells(): boolean {
		return this.#cells;
	}

	/** A copy of the centre, size d. */
	get centre(): Float32Array<ArrayBuffer> {
		return this.#engine.arena.readF32(this.#centre, this.d);
	}

	setCentre(centre: Float32Array): void {
		const { arena } = this.#engine;
		if (this.#centre === 0) this.#centre = arena.alloc(this.d * 4);
		arena.writeF32(this.#centre, centre);
		this.#length = centre.reduce((sum, value) => sum + value * value, 0);
	}

	learnCells(centroids: number, nlist: number, centre?: Float32Array): void {
		const { d } = this;
		const { f32 } = this.#engine.arena;
		const sums = new Float64Array(d);
		let longest = 0;
		for (let i = 0, at = centroids >>> 2; i < nlist; i++, at += d) {
			let length = 0;
			for (let t = 0; t < d; t++) {
				const value = f32[at + t]!;
				sums[t] = sums[t]! + value;
				length += value * value;
			}
			longest = Math.max(longest, length);
		}
		this.setCentre(centre ?? Float32Array.from(sums, (sum) => sum / nlist));
		this.#length = longest;
	}

	trainingLimit(_options: KMeansOptions): number {
		return this.#cells ? 0 : MAX_TRAINING_ROWS;
	}

	*trainSteps(rows: TrainingRows, _options: KMeansOptions): Steps<void> {
		const { d, n } = rows;
		const sums = new Float64Array(d);
		for (let start = 0; start < n; start += CHUNK) {
			const count = Math.min(CHUNK, n - start);
			const x = rows.chunk(start, count) >>> 2;
			const { f32 } = this.#engine.arena;
			for (let i = 0; i < count * d; i++) sums[i % d] = sums[i % d]! + f32[x + i]!;
			yield { phase: 'centre', done: start + count, total: n };
		}
		this.setCentre(Float32Array.from(sums, (sum) => sum / n));
	}

	encodeRows(x: number, n: number, codes: number, scratch: number, labels = 0, centroids = 0): void {
		const { d, nbits, codeSize } = this;
		const metric = this.#metric === 'l2' ? 0 : 1;
		const step = STEPS[nbits - 2] ?? 1;
		const shape = [d, this.#size, nbits, step, metric] as const;
		const where = [this.#cells ? labels : 0, centroids, this.#centre, this.#signs] as const;
		this.#engine.kernels.rabitqEncode(x, n, ...shape, ...where, scratch, codes, codeSize);
	}

	/** Rows less their centroid (or the centre); the nearest there is to the rows, while estimates of distances are unbiased. */
	decodeRows(codes: number, n: number, out: number): void {
		const { arena, kernels } = this.#engine;
		const { d, nbits, codeSize } = this;
		const gain = (this.#metric === 'l2' ? -0.5 : -1) * FIT[nbits - 1]!;
		const scratch = arena.alloc(this.#size * 4);
		kernels.rabitqDecode(codes, n, codeSize, d, this.#size, nbits, gain, this.#signs, scratch, out);
		arena.free(scratch);
		if (this.#cells) return;
		const { f32 } = arena;
		for (let i = 0; i < n * d; i++) f32[(out >>> 2) + i] = f32[(out >>> 2) + i]! + f32[(this.#centre >>> 2) + (i % d)]!;
	}

	place(codes: number, at: number, code: number, terms = 0): void {
		const { arena, kernels } = this.#engine;
		const { block, slot, row } = this.#where(codes, terms, at);
		const signBytes = this.#size / 8;
		kernels.fastPlace(block, at & 31, code, signBytes);
		arena.u8.copyWithin(slot, code + signBytes, code + signBytes + 4);
		arena.u8.copyWithin(row, code + signBytes + 4, code + this.codeSize);
	}

	placeTerm(): void {
		throw new Error('internal: RaBitQ codes carry no terms');
	}

	fetch(codes: number, at: number, code: number, terms = 0): void {
		const { arena, kernels } = this.#engine;
		const { block, slot, row } = this.#where(codes, terms, at);
		const signBytes = this.#size / 8;
		kernels.fastFetch(block, at & 31, code, signBytes);
		arena.u8.copyWithin(code + signBytes, slot, slot + 4);
		arena.u8.copyWithin(code + signBytes + 4, row, row + this.records.rowBytes);
	}

	decodeAt(codes: number, at: number, out: number, terms = 0): void {
		const { arena } = this.#engine;
		const code = arena.alloc(this.codeSize);
		this.fetch(codes, at, code, terms);
		this.decodeRows(code, 1, out);
		arena.free(code);
	}

	#where(codes: number, terms: number, at: number): { block: number; slot: number; row: number } {
		const { rowBytes, aside } = this.records;
		const i = at & 31;
		const block = codes + (at - i) * (this.codeSize - this.asideBytes);
		const slots = block + this.#size * 4;
		const row = aside ? terms + at * rowBytes : slots + 128 + i * rowBytes;
		return { block, slot: slots + fastSlot(i) * 4, row };
	}

	/** State of a prepared query: that of rabitqQuery, then the rotated query. */
	scanner(): CodeScanner {
		const { kernels } = this.#engine;
		const { d, nbits } = this;
		const size = this.#size;
		const isL2 = this.#metric === 'l2';
		const spread = EPSILON * Math.sqrt((largestSquaredSine(size) * size) / (size - 1));
		// Table entries are off by up to a half each.
		const slack = EPSILON * Math.sqrt(size / 48);
		const stateBytes = align16(rabitqStateBytes(size) + 4 * size);
		const prepare = (q: number, n: number, states: number) => {
			const rotation = [isL2 ? 0 : 1, this.#centre, this.#signs] as const;
			return [q, n, d, size, nbits, ...rotation, spread, slack, isL2 ? 0 : this.#length, states, stateBytes] as const;
		};
		return {
			stateBytes,
			setQuery: (q, state) => kernels.rabitqPrepare(...prepare(q, 1, state)),
			scan: (state, args) => kernels.scanRabitq(...args, state, size, nbits),
			block: {
				stateBytes,
				workBytes: 0,
				inOrder: nbits > 1,
				prepare: (q, n, states) => ['rabitqPrepare', ...prepare(q, n, states)],
				scan: () => [SCAN_LISTS.rabitq, size, nbits, 0],
			},
		};
	}

	bytes(): Record<string, number> {
		const { arena } = this.#engine;
		return { rotation: arena.sizeOf(this.#signs) + arena.sizeOf(this.#centre) };
	}

	[Symbol.dispose](): void {
		this.#engine.arena.free(this.#signs);
		this.#engine.arena.free(this.#centre);
	}
}

/**
 * What a rotation multiplies by, layout (ROUNDS, size): random signs, times what makes each round keep lengths: over
 * the root of `power` where its transform takes part, over the root of 2 where halves are added (assembly/rabitq.ts).
 */
function rotationSigns(size: number, seed: number): Float32Array {
	const rng = new Rng(seed);
	const power = 2 ** (31 - Math.clz32(size));
	const half = power < size ? Math.sqrt(0.5) : 1;
	const signs = new Float32Array(ROUNDS * size);
	let word = 0;
	for (let i = 0; i < signs.length; i++) {
		if (i % 32 === 0) word = rng.uint32();
		const t = i % size;
		const takesPart = Math.floor(i / size) % 2 === 0 ? t < power : t >= size - power;
		const scale = takesPart ? half / Math.sqrt(power) : half;
		signs[i] = (word >>> (i % 32)) & 1 ? -scale : scale;
	}
	return signs;
}

/**
 * Squared sine of the angle between a random direction and its signs: 1 - 2 / pi, and what three deviations of the cosine
 * add (its variance is about 0.0446 / size).
 */
function largestSquaredSine(size: number): number {
	const cosine = Math.max(0, 0.79788 - 3 * Math.sqrt(0.0446 / size));
	return 1 - cosine * cosine;
}
