/**
 * What there is to do in the background, decided from numbers alone.
 */

/** Sizes at which things happen; tests take tiny ones. */
export interface Thresholds {
	/** Rows of a delta before it is sealed. */
	readonly sealRows: number;
	/** Rows that are loaded, read or removed between two turns of the event loop. */
	readonly pieceRows: number;
	/** Seals pending from which adding waits. */
	readonly maxBacklog: number;
}

/** Bytes of float32 in a delta, about. */
const SEAL_BYTES = 8 * 2 ** 20;

export function thresholdsFor(d: number, given: Partial<Thresholds> = {}): Thresholds {
	return {
		sealRows: Math.max(4096, Math.min(16_384, 2 ** Math.floor(Math.log2(SEAL_BYTES / (4 * d))))),
		pieceRows: 4096,
		maxBacklog: 8,
		...given,
	};
}
