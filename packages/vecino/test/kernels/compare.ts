/** What comparing a kernel with its scalar twin needs. */
import { expect } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import type { Rng } from '../../src/util/rng.ts';

export const DIMENSIONS = [...Array.from({ length: 67 }, (_, i) => i + 1), 96, 100, 128, 384, 768];

/** The WebAssembly builds that run here. */
export const BUILDS = (['relaxed', 'simd'] as const).filter((kernels) => {
	try {
		createEngineSync({ kernels });
		return true;
	} catch {
		return false;
	}
});

/** Values over several magnitudes, with some exact zeros and duplicates. */
export function values(rng: Rng, n: number): Float32Array<ArrayBuffer> {
	const out = new Float32Array(n);
	for (let i = 0; i < n; i++) {
		const scale = [1e-3, 1, 1, 100][rng.below(4)]!;
		out[i] = rng.below(16) === 0 ? 0 : (rng.float() * 2 - 1) * scale;
	}
	return out;
}

/** Runs `body` on the reference and on a build, and compares the bytes it returns. Blocks lie at the same addresses in both. */
export function same(build: 'relaxed' | 'simd', body: (engine: Engine) => Uint8Array | Uint8Array[]): void {
	const expected = body(createEngineSync({ kernels: 'reference' }));
	const actual = body(createEngineSync({ kernels: build }));
	expect(actual).toEqual(expected);
}

export function read(engine: Engine, ptr: number, byteLength: number): Uint8Array {
	return engine.arena.u8.slice(ptr, ptr + byteLength);
}
