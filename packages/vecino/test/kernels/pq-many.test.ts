/** The scan of PQ codes for several queries at once against its scalar TypeScript twin, bit for bit. */
import { describe, expect, it } from 'vitest';
import type { Engine } from '../../src/kernels/engine.ts';
import { ADMIT_ALL, type Admission, PQ_WAYS, pqManyBytes, topkBytes, topkCapacity } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';
import { admissions, BUILDS, read, same, values } from './compare.ts';

interface Shape {
	readonly m: number;
	readonly nq: number;
	readonly n: number;
	readonly k: number;
}

const SHAPES: Shape[] = [1, 2, 3, 7, 8, 9, 12, 16, 24, 33, 64].flatMap((m, i) => [
	{ m, nq: (i % PQ_WAYS) + 1, n: 300 + i, k: 3 },
	{ m, nq: PQ_WAYS - (i % PQ_WAYS), n: i % 3, k: 1 + i },
]);

describe.each(BUILDS)('kernels %s = reference', (build) => {
	/** Two scans one after the other; what the top-k states hold then, checked against adc8 in `same`. */
	function scan(
		{ m, nq, n, k }: Shape,
		change?: (tables: Float32Array, rng: Rng) => void,
		admit: (engine: Engine) => Admission = () => ADMIT_ALL,
	): void {
		same(build, (engine) => {
			const admission = admit(engine);
			const { arena, kernels } = engine;
			const rng = new Rng(m * 100 + n);
			const stride = m * 1024 + 32;
			const tables = values(rng, (stride / 4) * PQ_WAYS);
			change?.(tables, rng);
			const states = arena.allocCopy(tables);
			const codes = arena.alloc(n * m + 8);
			for (let i = 0; i < n * m; i++) arena.u8[codes + i] = rng.below(256);
			// A repeated code: a tie that must go to the lower label.
			if (n > 20) arena.u8.copyWithin(codes + 17 * m, codes + 4 * m, codes + 5 * m);
			const made = arena.alloc(pqManyBytes(m));
			const topkStride = Math.ceil(topkBytes(k) / 16) * 16;
			const topks = arena.alloc(nq * topkStride);
			kernels.topkInitMany(topks, nq, topkStride, k, topkCapacity(k), ...admission);
			kernels.pqTablesMany(states, stride, nq, m, made);
			const tile = arena.alloc(64);
			const half = n >> 1;
			kernels.pqScanMany(states, stride, nq, m, made, codes, half, 5, topks, topkStride, tile);
			kernels.pqScanMany(states, stride, nq, m, made, codes + half * m, n - half, 5 + half, topks, topkStride, tile);
			const out = arena.allocZeroed(nq * k * 8 + nq * 4);
			kernels.topkFinishMany(topks, nq, topkStride, k, out, out + nq * k * 4, out + nq * k * 8);
			expect(arena.u32[(out >>> 2) + nq * k * 2]).toBeLessThanOrEqual(Math.min(k, n));
			return [read(engine, out, nq * k * 8 + nq * 4)];
		});
	}

	it.each(SHAPES)('pqScanMany %j', (shape) => scan(shape));

	it.each(SHAPES)('pqScanMany under filters and limits %j', (shape) => {
		// Labels run past the end of the bitmap.
		for (let i = 1; i < 4; i++) scan(shape, undefined, (engine) => admissions(engine, 250, shape.m)[i]!);
	});

	it('tables without range, with huge and tiny values, with infinities and without numbers', () => {
		const shape = { m: 8, nq: 5, n: 200, k: 4 };
		const mapped = (to: (value: number, i: number, rng: Rng) => number): void =>
			scan(shape, (tables, rng) => tables.set(tables.map((value, i) => to(value, i, rng))));
		mapped(() => 3);
		mapped(() => 0);
		mapped((value) => value * 1e37);
		mapped((value) => value * 1e-44);
		mapped((value) => value + 1e7);
		mapped((value, _, rng) => (rng.below(9) === 0 ? Infinity : value));
		mapped((value, _, rng) => (rng.below(9) === 0 ? Number.NaN : value));
		// One entry far from the others: sums of the others round to nothing.
		mapped((value, i) => (i % 256 === 7 ? 1e9 : value));
	});
});
