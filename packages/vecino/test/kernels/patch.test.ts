import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { applyPatch } from '../../src/kernels/patch.ts';
import { fixedBase64, relaxedPatchBase64 } from '../../src/kernels/wasm.generated.ts';

it('puts literals and copies together', () => {
	const base = Uint8Array.of(1, 2, 3, 4, 5);
	expect([...applyPatch(base, new Uint8Array(0))]).toEqual([]);
	const patch = Uint8Array.of(2, 0, 0, 9, 8, 1, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 1, 0, 0, 7, 0, 0, 0, 0, 0, 0);
	expect([...applyPatch(base, patch)]).toEqual([9, 8, 2, 3, 4, 1, 2, 3, 4, 5, 7]);
});

it('gives the relaxed build of which the generated file names the hash', () => {
	const text = readFileSync(new URL('../../src/kernels/wasm.generated.ts', import.meta.url), 'utf8');
	const expected = [...text.matchAll(/sha256 ([0-9a-f]{64})/g)].map((match) => match[1]);
	const fixed = Buffer.from(fixedBase64, 'base64');
	const builds = [fixed, applyPatch(fixed, Buffer.from(relaxedPatchBase64, 'base64'))];
	expect(builds.map((bytes) => createHash('sha256').update(bytes).digest('hex'))).toEqual(expected);
});
