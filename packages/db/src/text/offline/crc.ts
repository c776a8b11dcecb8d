/** CRC-32C (Castagnoli), one table: enough for states of a few megabytes. */

const TABLE: Int32Array = Int32Array.from({ length: 256 }, (_, byte) => {
	let c = byte;
	for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
	return c;
});

/** The CRC of bytes[start..]. */
export function crc32c(bytes: Uint8Array, start = 0): number {
	let c = -1;
	for (let i = start; i < bytes.length; i++) c = (c >>> 8) ^ TABLE[(c ^ bytes[i]!) & 255]!;
	return ~c >>> 0;
}
