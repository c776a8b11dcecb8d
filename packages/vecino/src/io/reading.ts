/**
 * Reading as a generator: it yields the range it wants next and receives the bytes, so that one piece of code reads
 * from memory at once and from files, blobs or the network without blocking.
 */

import { VecinoError } from '../errors.ts';
import { show } from '../util/check.ts';
import { checkAborted, type Progress } from '../util/steps.ts';
import type { RangeSource } from './source.ts';

/** `length` bytes from `offset`. */
export interface ByteRange {
	readonly offset: number;
	readonly length: number;
}

/** Yields ranges inside the source; receives exactly those bytes, valid until it yields again. Returns a T. */
export type Reading<T> = Generator<ByteRange, T, Uint8Array>;

export interface SourceReadOptions {
	/** Stops the reading; a VecinoError 'aborted' is thrown and nothing is left behind. */
	readonly signal?: AbortSignal | undefined;
	/** Called after each part with the bytes of the file dealt with so far. */
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Longest time in milliseconds between two turns of the event loop. */
const SLICE_MS = 12;

/** Reads from memory. */
export function readFromBytes<T>(reading: Reading<T>, bytes: Uint8Array): T {
	try {
		let step = reading.next();
		while (!step.done) {
			const { offset, length } = step.value;
			step = reading.next(bytes.subarray(offset, offset + length));
		}
		return step.value;
	} finally {
		reading.return(undefined as T);
	}
}

/**
 * Reads from a source, one range at a time.
 *
 * @throws VecinoError 'aborted'; 'storage' when the source gives other than the bytes asked for; what the source throws.
 */
export async function readFromSource<T>(
	reading: Reading<T>,
	source: RangeSource,
	{ signal, onProgress }: SourceReadOptions = {},
): Promise<T> {
	const total = source.byteLength;
	let done = 0;
	try {
		let sliceEnd = performance.now() + SLICE_MS;
		let step = reading.next();
		while (!step.done) {
			checkAborted(signal);
			const { offset, length } = step.value;
			const bytes = await source
				.read(offset, length, signal === undefined ? {} : { signal })
				.catch((error: unknown) => {
					checkAborted(signal);
					throw error;
				});
			checkAborted(signal);
			if (!(bytes instanceof Uint8Array) || bytes.length !== length) {
				const message = `the source gave ${show(bytes)} for the ${length} bytes at ${offset}`;
				throw new VecinoError('storage', message, { offset, expected: length });
			}
			step = reading.next(bytes);
			done = Math.max(done, offset + length);
			onProgress?.({ phase: 'read', done, total });
			if (performance.now() < sliceEnd) continue;
			await new Promise((resolve) => setTimeout(resolve, 0));
			sliceEnd = performance.now() + SLICE_MS;
		}
		return step.value;
	} finally {
		reading.return(undefined as T);
	}
}

/** Makes something of about `byteLength` bytes outside the arena; says so when there is no memory for it. */
export function allocate<T>(name: string, byteLength: number, make: () => T): T {
	try {
		return make();
	} catch (cause) {
		if (!(cause instanceof RangeError)) throw cause;
		throw new VecinoError('out-of-memory', `${name}: no memory for ${byteLength} bytes`, {
			requested: byteLength,
			cause,
		});
	}
}
