/** What comparing a kernel with its scalar twin needs. */
import { expect } from 'vitest';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import { ADMIT_ALL, type Admission } from '../../src/kernels/kernels.ts';
import { Rng } from '../../src/util/rng.ts';

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
	const expected = [body(createEngineSync({ kernels: 'reference' }))].flat();
	const actual = [body(createEngineSync({ kernels: build }))].flat();
	expect(actual.length).toBe(expected.length);
	// One by one: a difference of long arrays takes long to print.
	for (const [i, bytes] of expected.entries()) expect(Buffer.compare(actual[i]!, bytes), `output ${i}`).toBe(0);
}

export function read(engine: Engine, ptr: number, byteLength: number): Uint8Array {
	return engine.arena.u8.slice(ptr, ptr + byteLength);
}

/** Everything; two of three labels below `labels`, whatever their distance; a third of them within a limit. */
export function admissions({ arena }: Engine, labels: number, limit: number): Admission[] {
	const rng = new Rng(labels);
	const words = Uint32Array.from(
		{ length: Math.ceil(labels / 32) },
		() => (rng.below(2 ** 16) << 16) | rng.below(2 ** 16),
	);
	const [some, more] = [arena.allocCopy(words), arena.allocCopy(words.map((word, i) => word | (word << (i % 5))))];
	return [ADMIT_ALL, [more, labels, Number.POSITIVE_INFINITY], [some, labels - 1, limit], [0, 0, limit]];
}
