/**
 * A FAISS file to be written: fields gathered in order, long arrays as pieces of memory that are looked up when they are
 * copied, so that planning copies nothing long.
 */

import type { Piece } from '../write-plan.ts';

interface Part {
	readonly byteLength: number;
	pieces(): Iterable<Piece>;
}

export class FaissOut {
	readonly #parts: Part[] = [];
	#fields: number[] = [];
	/** Bytes of all parts. */
	byteLength = 0;

	#put(length: number, set: (view: DataView) => void): void {
		const view = new DataView(new ArrayBuffer(length));
		set(view);
		this.#fields.push(...new Uint8Array(view.buffer));
		this.byteLength += length;
	}

	code(text: string): void {
		this.#put(4, (view) => {
			for (let i = 0; i < 4; i++) view.setUint8(i, text.charCodeAt(i));
		});
	}

	bool(value: boolean): void {
		this.#put(1, (view) => view.setUint8(0, value ? 1 : 0));
	}

	i32(...values: number[]): void {
		for (const value of values) this.#put(4, (view) => view.setInt32(0, value, true));
	}

	f32(value: number): void {
		this.#put(4, (view) => view.setFloat32(0, value, true));
	}

	size(...values: (number | bigint)[]): void {
		for (const value of values) this.#put(8, (view) => view.setBigInt64(0, BigInt(value), true));
	}

	/** Elements without their number. */
	data(byteLength: number, pieces: () => Iterable<Piece>): void {
		const fields = Uint8Array.from(this.#fields);
		if (fields.length > 0) this.#parts.push({ byteLength: fields.length, pieces: () => [fields] });
		this.#fields = [];
		if (byteLength > 0) this.#parts.push({ byteLength, pieces });
		this.byteLength += byteLength;
	}

	/** An array: the number of its elements, then these. */
	array(count: number, byteLength: number, pieces: () => Iterable<Piece>): void {
		this.size(count);
		this.data(byteLength, pieces);
	}

	/** A short array. */
	values(values: Float32Array | Float64Array | Int32Array): void {
		this.array(values.length, values.byteLength, () => [bytesOf(values)]);
	}

	/** All of it, in order. */
	*pieces(): Generator<Piece> {
		this.data(0, () => []);
		for (const part of this.#parts) yield* part.pieces();
	}
}

export function bytesOf(values: Float32Array | Float64Array | Int32Array | Uint32Array): Uint8Array {
	return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** Integers from 0 to 2^53 - 1 as 64 bits each. */
export function int64Bytes(values: ArrayLike<number>): Uint8Array<ArrayBuffer> {
	const words = new Uint32Array(2 * values.length);
	for (let i = 0; i < values.length; i++) {
		words[2 * i] = values[i]!;
		words[2 * i + 1] = values[i]! / 2 ** 32;
	}
	return new Uint8Array(words.buffer);
}
