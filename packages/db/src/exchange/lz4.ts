/**
 * LZ4 blocks (Parquet's codec LZ4_RAW), decompressed: sequences of literals and of copies from what was written before.
 */

/** @throws Error for a block that does not end where it should. */
export function decompressLz4(input: Uint8Array, outputLength: number): Uint8Array {
	const output = new Uint8Array(outputLength);
	let at = 0;
	let to = 0;
	/** A length of 15 goes on in bytes of 255 until one that is less. */
	const length = (nibble: number): number => {
		let sum = nibble;
		for (let byte = 255; nibble === 15 && byte === 255; sum += byte) {
			if (at >= input.length) throw new Error('LZ4: ends in the middle of a length');
			byte = input[at++]!;
		}
		return sum;
	};
	while (at < input.length) {
		const token = input[at++]!;
		const literals = length(token >> 4);
		if (at + literals > input.length || to + literals > outputLength) throw new Error('LZ4: literals beyond the end');
		output.set(input.subarray(at, at + literals), to);
		at += literals;
		to += literals;
		if (at === input.length) break;
		const distance = (input[at] ?? 0) | ((input[at + 1] ?? 0) << 8);
		at += 2;
		const copied = length(token & 15) + 4;
		if (distance === 0 || distance > to || to + copied > outputLength) throw new Error('LZ4: a copy from nowhere');
		// Byte by byte: a copy may run into what it writes.
		for (const end = to + copied; to < end; to++) output[to] = output[to - distance]!;
	}
	if (to !== outputLength) throw new Error(`LZ4: ${to} bytes, expected ${outputLength}`);
	return output;
}
