/** The kernels of linear transforms against their scalar twins, bit for bit, and a row alone against rows together. */
import { describe, expect, it } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import { covarianceScratchBytes, covarianceStride } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';

const BUILDS = (['relaxed', 'simd'] as const).filter((kernels) => {
	try {
		createEngineSync({ kernels });
		return true;
	} catch {
		return false;
	}
});

function values(rng: Rng, n: number): Float32Array {
	const scales = [1e-3, 1, 1, 100];
	return Float32Array.from({ length: n }, () =>
		rng.below(16) === 0 ? 0 : (rng.float() * 2 - 1) * scales[rng.below(4)]!,
	);
}

/** Outputs of n rows, at once or each alone. The rows lie at an address that is a multiple of 4 and not of 16. */
function linear(engine: Engine, n: number, dIn: number, dOut: number, together = true): Float32Array {
	const { arena, kernels } = engine;
	const rng = new Rng(n * 1_000_003 + dIn * 1009 + dOut);
	const wide = Math.ceil(dOut / 8) * 8;
	const block = arena.alloc(n * dIn * 4 + 4 + 16);
	const x = block + 4;
	arena.writeF32(x, values(rng, n * dIn));
	const matrix = arena.allocCopy(values(rng, dOut * dIn));
	const panels = arena.alloc(wide * dIn * 4);
	for (let j = 0; j < dOut; j += 8) {
		kernels.packPanel(matrix + j * dIn * 4, Math.min(8, dOut - j), dIn, panels + j * dIn * 4);
	}
	const bias = arena.allocZeroed(wide * 4);
	arena.writeF32(bias, values(rng, dOut));
	// One value more, to see that it is left alone.
	const out = arena.allocCopy(new Float32Array(n * dOut + 1).fill(7));
	if (together) kernels.applyLinear(x, n, dIn, panels, bias, dOut, out);
	else {
		for (let i = 0; i < n; i++) kernels.applyLinear(x + i * dIn * 4, 1, dIn, panels, bias, dOut, out + i * dOut * 4);
	}
	const found = arena.readF32(out, n * dOut + 1);
	for (const ptr of [block, matrix, panels, bias, out]) arena.free(ptr);
	return found;
}

function sums(engine: Engine, n: number, d: number, calls: number): Float64Array {
	const { arena, kernels } = engine;
	const rng = new Rng(n * 1009 + d);
	const stride = covarianceStride(d);
	const x = arena.allocCopy(values(rng, n * d));
	const scratch = arena.alloc(covarianceScratchBytes(d));
	const out = arena.allocZeroed(stride * stride * 8);
	for (let call = 0, from = 0; call < calls; call++) {
		const count = call + 1 === calls ? n - from : Math.floor(n / calls);
		kernels.covariance(x + from * d * 4, count, d, scratch, out);
		from += count;
	}
	const found = arena.f64.slice(out / 8, out / 8 + stride * stride);
	for (const ptr of [x, scratch, out]) arena.free(ptr);
	return found;
}

const SHAPES = [...Array.from({ length: 67 }, (_, i) => i + 1), 96, 100, 128];

describe.each(BUILDS)('%s', (build) => {
	const engine = createEngineSync({ kernels: build });
	const reference = createEngineSync({ kernels: 'reference' });

	it('applyLinear on every dimension', () => {
		for (const [i, d] of SHAPES.entries()) {
			for (const n of [0, 1, 3, 4, 7, 70]) {
				const other = SHAPES[(i * 7) % SHAPES.length]!;
				for (const [dIn, dOut] of [
					[d, other],
					[other, d],
				] as const) {
					const expected = linear(reference, n, dIn, dOut);
					expect(linear(engine, n, dIn, dOut), `${n} rows, ${dIn} to ${dOut}`).toEqual(expected);
					expect(expected.at(-1)).toBe(7);
				}
			}
		}
	});

	it('applyLinear on large shapes', () => {
		for (const [dIn, dOut] of [
			[768, 768],
			[768, 65],
			[1, 384],
		] as const) {
			expect(linear(engine, 6, dIn, dOut)).toEqual(linear(reference, 6, dIn, dOut));
		}
	});

	it('a row alone has the bits that it has among others', () => {
		for (const [dIn, dOut] of [
			[64, 64],
			[37, 19],
			[384, 100],
		] as const) {
			expect(linear(engine, 135, dIn, dOut, false)).toEqual(linear(engine, 135, dIn, dOut));
		}
	});

	it('covariance on every dimension, at once and in parts', () => {
		for (const d of SHAPES) {
			for (const n of [0, 1, 2, 7, 300]) {
				const expected = sums(reference, n, d, 1);
				expect(sums(engine, n, d, 1), `${n} rows of ${d}`).toEqual(expected);
				expect(sums(engine, n, d, 3), `${n} rows of ${d} in parts`).toEqual(expected);
			}
		}
	});
});
