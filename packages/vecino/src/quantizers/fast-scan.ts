/**
 * 4-bit product quantization scanned with tables in registers ("fast-scan"; André, Kermarrec, Le Scouarnec, 2015).
 *
 * Codes and codebook are those of ProductQuantizer with nbits = 4; only where codes lie and how they are scanned
 * differs: blocks of 32, tables of 7 bits, sums of 16 (assembly/fastscan.ts). Distances are therefore multiples of a
 * step that is 1/127 of the widest row of the query's table; re-rank where that matters.
 *
 * Terms (IVF with residuals under l2) are 16-bit: term = mid + step * t. Their range is that of training rows,
 * stretched RANGE_MARGIN times; what lies outside is clamped.
 */

import type { KMeansOptions } from '../cluster/kmeans.ts';
import type { TrainingRows } from '../cluster/rows.ts';
import type { Engine } from '../kernels/engine.ts';
import { fastSlot, SCAN_LISTS } from '../kernels/kernels.ts';
import type { Steps } from '../util/steps.ts';
import { align16, type Codec, type CodeScanner, type ScanKind, TABLE_PARAMS_BYTES } from './codec.ts';
import type { ProductQuantizer } from './product.ts';

/** Sums of 256 entries of 7 bits fit in 15 bits. */
export const MAX_FAST_M: number = 256;

const RANGE_MARGIN = 4;
/** Larger than any useful scale; keeps 1 / scale a normal number when a table is constant. */
const MAX_SCALE = 1e30;

export class FastScanQuantizer implements Codec {
	readonly d: number;
	readonly codeSize: number;
	readonly blockSize = 32;
	readonly termBytes = 2;
	readonly pq: ProductQuantizer;
	readonly #engine: Engine;
	/** Middle and step of the terms. */
	#term: readonly [mid: number, step: number] = [0, 1];

	constructor(pq: ProductQuantizer, engine: Engine) {
		this.pq = pq;
		this.d = pq.d;
		this.codeSize = pq.codeSize;
		this.#engine = engine;
	}

	get isTrained(): boolean {
		return this.pq.isTrained;
	}

	/** [middle, step] of the 16-bit terms. */
	get termRange(): readonly [mid: number, step: number] {
		return this.#term;
	}

	setTermRange(mid: number, step: number): void {
		this.#term = [mid, step];
	}

	/** Takes the range of terms seen in training. */
	learnTerms(min: number, max: number): void {
		const mid = Math.fround((min + max) / 2);
		const step = Math.fround((RANGE_MARGIN * (max - min)) / 65535);
		this.#term = [mid, step > 0 ? step : Math.fround(2 ** -20 * (1 + Math.abs(mid)))];
	}

	trainingLimit(options: KMeansOptions): number {
		return this.pq.trainingLimit(options);
	}

	trainSteps(rows: TrainingRows, options: KMeansOptions): Steps<void> {
		return this.pq.trainSteps(rows, options);
	}

	get encodeScratchBytes(): number {
		return this.pq.encodeScratchBytes;
	}

	encodeRows(x: number, n: number, codes: number, scratch: number): void {
		this.pq.encodeRows(x, n, codes, scratch);
	}

	decodeRows(codes: number, n: number, out: number): void {
		this.pq.decodeRows(codes, n, out);
	}

	place(codes: number, at: number, code: number): void {
		this.#engine.kernels.fastPlace(codes, at, code, this.codeSize);
	}

	fetch(codes: number, at: number, code: number): void {
		this.#engine.kernels.fastFetch(codes, at, code, this.codeSize);
	}

	placeTerm(terms: number, at: number, term: number): void {
		const [mid, step] = this.#term;
		const t = Math.max(-32768, Math.min(32767, Math.round((term - mid) / step)));
		const p = terms + ((at & ~31) + fastSlot(at & 31)) * 2;
		const { u8 } = this.#engine.arena;
		u8[p] = t & 255;
		u8[p + 1] = (t >> 8) & 255;
	}

	decodeAt(codes: number, at: number, out: number): void {
		const { arena } = this.#engine;
		const code = arena.alloc(this.codeSize + 8);
		try {
			this.fetch(codes, at, code);
			this.pq.decodeRows(code, 1, out);
		} finally {
			arena.free(code);
		}
	}

	/** State of a prepared query: that of the product quantizer, the 7-bit tables, then 1 / scale, offset, and the term scale. */
	scanner(kind: ScanKind): CodeScanner {
		const { arena, kernels } = this.#engine;
		const { d } = this;
		const { m, dsub } = this.pq;
		const pairs = this.codeSize;
		const exact = this.pq.scanner(kind);
		const tables = Math.ceil(exact.stateBytes / 16) * 16;
		const params = tables + pairs * 32;
		const hasTerms = kind === 'residual-l2';
		return {
			stateBytes: params + TABLE_PARAMS_BYTES,
			setQuery: (q, state) => {
				exact.setQuery(q, state);
				const [mid, step] = this.#term;
				const scale = kernels.fastTables(state, m, mostScale(hasTerms ? step : 0), state + tables, state + params);
				const at = (state + params) >>> 2;
				if (hasTerms) arena.f32[at + 1] = arena.f32[at + 1]! + mid;
				arena.f32[at + 2] = hasTerms ? Math.min(32767, Math.round(scale * step * 32768)) : 0;
			},
			scan: (state, args) => {
				const at = (state + params) >>> 2;
				const [inverse, offset, termScale] = [arena.f32[at]!, arena.f32[at + 1]!, arena.f32[at + 2]!];
				return kernels.scanFast(...args, state + tables, pairs, inverse, offset, termScale);
			},
			block: {
				stateBytes: align16(pairs * 32 + TABLE_PARAMS_BYTES),
				workBytes: m * 64 + m * dsub * 4,
				prepare: (q, n, states, work) => {
					const [mid, step] = hasTerms ? this.#term : [0, 0];
					const scale = kind === 'l2' ? 0 : kind === 'ip' ? -1 : -2;
					const stride = align16(pairs * 32 + TABLE_PARAMS_BYTES);
					const { panels } = this.pq;
					return ['fastPrepare', q, n, d, m, dsub, panels, scale, mostScale(step), mid, step, work, states, stride];
				},
				scan: () => [SCAN_LISTS.fast, pairs, 0, 0],
			},
		};
	}

	bytes(): Record<string, number> {
		return this.pq.bytes();
	}

	[Symbol.dispose](): void {
		this.pq[Symbol.dispose]();
	}
}

/** The largest scale of tables with which the term scale fits 15 bits. */
function mostScale(step: number): number {
	return step > 0 ? Math.min(MAX_SCALE, 32767 / (32768 * step)) : MAX_SCALE;
}
