/**
 * Where bytes come from. Readers ask for ranges and never assume a file system, so that the same
 * reader works on a Uint8Array, a file, a Blob or ranged HTTP requests.
 */

import { VecinoError } from '../errors.ts';

/** Random access to `byteLength` bytes. */
export interface RangeSource {
	/** Bytes there are. */
	readonly byteLength: number;
	/** Exactly `length` bytes from `offset`; asking outside the source is an error. */
	read(offset: number, length: number, options?: { signal?: AbortSignal }): Promise<Uint8Array>;
}

/**
 * A source over bytes in memory.
 *
 * @example
 * const source = bytesSource(Uint8Array.of(1, 2, 3));
 * console.log(source.byteLength, await source.read(1, 2)); // 3 Uint8Array(2) [2, 3]
 */
export function bytesSource(bytes: Uint8Array): RangeSource {
	return {
		byteLength: bytes.byteLength,
		read: async (offset, length) => {
			if (offset < 0 || offset + length > bytes.byteLength) {
				throw new VecinoError(
					'storage',
					`cannot read ${length} bytes at ${offset}: the source has ${bytes.byteLength}`,
				);
			}
			return bytes.subarray(offset, offset + length);
		},
	};
}
