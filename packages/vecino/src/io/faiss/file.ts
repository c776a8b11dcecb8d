/**
 * The bytes of a FAISS file: fields one after the other, little endian, arrays with their length in front. Nothing is
 * believed: an array is only taken to be there when the file has bytes enough behind its length.
 */

import { VecinoError } from '../../errors.ts';
import type { Arena } from '../../kernels/arena.ts';
import { corrupt } from '../format.ts';
import { allFinite, type FloatKind, notFinite16 } from '../read-sections.ts';
import type { Reading } from '../reading.ts';

/** An array in the file. */
export interface Block {
	readonly offset: number;
	/** Elements, and bytes of all of them. */
	readonly count: number;
	readonly byteLength: number;
}

/** Bytes asked for at once among fields, and among arrays. */
const FIELD_BYTES = 2 ** 16;
export const PART_BYTES: number = 2 ** 20;

export class FaissFile {
	readonly name: string;
	readonly byteLength: number;
	/** Where the next field begins. */
	at = 0;
	/** The bytes that came last, and where they begin. */
	#window: Uint8Array = new Uint8Array(0);
	#start = 0;

	constructor(name: string, byteLength: number) {
		this.name = name;
		this.byteLength = byteLength;
	}

	fault(message: string, offset: number = this.at): VecinoError {
		return corrupt(this.name, message, offset);
	}

	unsupported(message: string, offset: number = this.at): VecinoError {
		return new VecinoError('unsupported', `${this.name}: ${message} (byte ${offset})`, { offset });
	}

	/** Refuses what is not there. */
	#demand(offset: number, length: number): void {
		if (offset + length <= this.byteLength) return;
		const message = `${this.name}: cut short or damaged: ${length} bytes are to follow byte ${offset}, the file ends at ${this.byteLength}`;
		throw new VecinoError('corrupt-data', message, { offset, expected: offset + length, found: this.byteLength });
	}

	/** `length` bytes from `offset`, valid until more are asked for; `ahead`: how many to read at once. */
	*bytes(offset: number, length: number, ahead: number = FIELD_BYTES): Reading<Uint8Array> {
		this.#demand(offset, length);
		const from = offset - this.#start;
		if (from >= 0 && from + length <= this.#window.length) return this.#window.subarray(from, from + length);
		const wanted = Math.min(Math.max(length, ahead), this.byteLength - offset);
		this.#window = yield { offset, length: wanted };
		this.#start = offset;
		return this.#window.subarray(0, length);
	}

	*#field(length: number): Reading<DataView> {
		const bytes = yield* this.bytes(this.at, length);
		this.at += length;
		return new DataView(bytes.buffer, bytes.byteOffset, length);
	}

	*code(): Reading<string> {
		const view = yield* this.#field(4);
		return String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset, 4));
	}

	*u8(): Reading<number> {
		return (yield* this.#field(1)).getUint8(0);
	}

	*i32(): Reading<number> {
		return (yield* this.#field(4)).getInt32(0, true);
	}

	*f32(): Reading<number> {
		return (yield* this.#field(4)).getFloat32(0, true);
	}

	*bool(what: string): Reading<boolean> {
		const value = yield* this.u8();
		if (value > 1) throw this.fault(`${what} must be 0 or 1, got ${value}`, this.at - 1);
		return value === 1;
	}

	/** An integer of 64 bits in min..max. */
	*size(what: string, min = 0, max: number = Number.MAX_SAFE_INTEGER): Reading<number> {
		const value = (yield* this.#field(8)).getBigInt64(0, true);
		if (value >= min && value <= max) return Number(value);
		throw this.fault(`${what} must be in ${min}..${max}, got ${value}`, this.at - 8);
	}

	/** An array of elements of so many bytes, which is passed over. `count`: elements it must have. */
	*block(what: string, elementBytes: number, count?: number): Reading<Block> {
		const found = yield* this.size(`the length of ${what}`);
		if (count !== undefined && found !== count) {
			throw this.fault(`${what} must have ${count} elements, it has ${found}`, this.at - 8);
		}
		return this.pass(found, elementBytes);
	}

	/** Passes over elements whose number is known. */
	pass(count: number, elementBytes: number): Block {
		const offset = this.at;
		const byteLength = count * elementBytes;
		this.#demand(offset, byteLength);
		this.at += byteLength;
		return { offset, count, byteLength };
	}

	/** An array in parts of whole elements. */
	*parts(block: Block, take: (bytes: Uint8Array, at: number) => void): Reading<void> {
		const size = block.count === 0 ? 1 : block.byteLength / block.count;
		const step = Math.max(1, Math.floor(PART_BYTES / size)) * size;
		for (let at = 0; at < block.byteLength; at += step) {
			const length = Math.min(step, block.byteLength - at);
			take(yield* this.bytes(block.offset + at, length, PART_BYTES), at);
		}
	}

	/** An array into the arena. `floats`: what it consists of; none may be NaN or infinite. */
	*intoArena(arena: Arena, block: Block, ptr: number, floats?: FloatKind): Reading<void> {
		yield* this.parts(block, (bytes, at) => arena.u8.set(bytes, ptr + at));
		if (floats === undefined) return;
		const size = floats === 'f32' ? 4 : 2;
		const { byteLength } = block;
		let bad = floats === 'f32' ? -1 : notFinite16(arena, ptr, byteLength, floats);
		if (floats === 'f32' && !allFinite(arena.u32, ptr >>> 2, (ptr + byteLength) >>> 2)) {
			bad = arena.f32.subarray(ptr >>> 2, (ptr + byteLength) >>> 2).findIndex((value) => !Number.isFinite(value));
		}
		if (bad >= 0) throw this.notFinite(block.offset + bad * size);
	}

	notFinite(offset: number): VecinoError {
		return new VecinoError('not-finite', `${this.name}: a value is NaN or infinite (byte ${offset})`, { offset });
	}

	/** A short array of float32, all finite. */
	*floats(block: Block): Reading<Float32Array<ArrayBuffer>> {
		const out = new Float32Array(block.count);
		const bytes = new Uint8Array(out.buffer);
		yield* this.parts(block, (part, at) => bytes.set(part, at));
		const bad = out.findIndex((value) => !Number.isFinite(value));
		if (bad >= 0) throw this.notFinite(block.offset + bad * 4);
		return out;
	}

	/** A short array of int32. */
	*ints(block: Block): Reading<Int32Array<ArrayBuffer>> {
		const out = new Int32Array(block.count);
		const bytes = new Uint8Array(out.buffer);
		yield* this.parts(block, (part, at) => bytes.set(part, at));
		return out;
	}

	/**
	 * Ids of 64 bits into `out` from `first` on.
	 *
	 * @param where - What is said of the i-th in messages: `row 3`.
	 */
	*ids(block: Block, out: Float64Array, first: number, where: (i: number) => string): Reading<void> {
		let problem: VecinoError | undefined;
		yield* this.parts(block, (bytes, at) => {
			const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
			for (let i = 0; i < bytes.length / 8 && problem === undefined; i++) {
				const high = view.getInt32(8 * i + 4, true);
				out[first + at / 8 + i] = high * 2 ** 32 + view.getUint32(8 * i, true);
				if (high >= 0 && high < 2 ** 21) continue;
				const id = view.getBigInt64(8 * i, true);
				const message = `id ${id} of ${where(at / 8 + i)} is outside 0..2^53 - 1, which ids are here`;
				const offset = block.offset + at + 8 * i;
				problem = new VecinoError('unsupported', `${this.name}: ${message} (byte ${offset})`, {
					offset,
					row: first + at / 8 + i,
					found: `${id}`,
				});
			}
		});
		if (problem !== undefined) throw problem;
	}
}
