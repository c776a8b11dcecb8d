/**
 * The relaxed-SIMD build of the kernels is kept as what differs from the fixed one: the two are nearly the same, but lie
 * too far apart in the text for gzip to see it.
 *
 * A patch is a row of steps: u24 n, n bytes as they are, u24 start and u24 length of a piece to copy from the base;
 * little endian (scripts/build-kernels.ts makes them).
 */
export function applyPatch(base: Uint8Array, patch: Uint8Array): Uint8Array<ArrayBuffer> {
	const out: number[] = [];
	let at = 0;
	const next = (): number => {
		at += 3;
		return patch[at - 3]! | (patch[at - 2]! << 8) | (patch[at - 1]! << 16);
	};
	while (at < patch.length) {
		for (let end = next() + at; at < end; at++) out.push(patch[at]!);
		const start = next();
		for (let i = start, end = start + next(); i < end; i++) out.push(base[i]!);
	}
	return Uint8Array.from(out);
}
