/**
 * Before the engine's tests: the kernels named by VECINO_KERNELS serve as the default engine.
 * After each test: the default engine's arena holds no more bytes than before it (the leak test).
 */
import { afterEach, beforeEach, expect } from 'vitest';
import { createEngineSync, defaultEngine, setDefaultEngine } from '../src/kernels/engine.ts';

const choices = ['auto', 'relaxed', 'simd', 'reference'] as const;

const kernels = choices.find((choice) => choice === (process.env['VECINO_KERNELS'] ?? 'auto'));
if (!kernels) {
	throw new RangeError(
		`VECINO_KERNELS must be one of ${choices.join(', ')}, got ${JSON.stringify(process.env['VECINO_KERNELS'])}`,
	);
}
setDefaultEngine(createEngineSync({ kernels }));

let allocatedBefore = 0;

beforeEach(() => {
	allocatedBefore = defaultEngine().arena.allocatedBytes;
});

afterEach(() => {
	const leaked = defaultEngine().arena.allocatedBytes - allocatedBefore;
	expect(leaked, 'bytes of the default arena that the test did not give back (a missing `using` or dispose?)').toBe(0);
});
