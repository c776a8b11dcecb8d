/**
 * Writing an index as a `.vecino` file, spec/format.md. Two passes over its memory: checksums first, which the header
 * holds, then the bytes. The same index gives the same bytes on every runtime and with every kind of kernels.
 *
 * While an index is written it can be searched, and not be changed: train, add, reset and dispose throw 'busy'.
 */

import { Index } from '../indexes/base.ts';
import { IndexIDMap } from '../indexes/id-map.ts';
import { IndexPreTransform } from '../indexes/pre-transform.ts';
import { IndexRefine } from '../indexes/refine.ts';
import type { Arena } from '../kernels/arena.ts';
import { show } from '../util/check.ts';
import { encodeHeader, layOut } from './format.ts';
import { minorOf } from './index-node.ts';
import { allocate } from './reading.ts';
import { bytesOfPiece, type FilePlan, type Piece, planFile } from './write-plan.ts';

/** Most bytes of a chunk. */
const CHUNK_BYTES = 2 ** 20;

/**
 * The file of an index, in chunks of at most 1 MiB, each an array of its own. Beside the index itself it takes the
 * memory of a few chunks. Run it to the end, or call its `return` (as `for` and `yield*` do): the index is held till then.
 *
 * @throws VecinoError 'disposed'; while running, 'busy' when something else changes the index, and 'unsupported' for
 *   kinds of index that no file can hold.
 *
 * @example
 * using index = new IndexFlat({ d: 64 });
 * let total = 0;
 * for (const chunk of indexChunks(index.add(vectors))) total += chunk.length;
 * console.log(total === writeIndex(index).length); // true
 */
export function indexChunks(index: Index): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
	checkIndex('indexChunks', index);
	return chunksWithoutPauses(index);
}

/**
 * The same at once.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * const bytes = writeIndex(index.add([[0, 0], [3, 4]]));
 * using again = readIndex(bytes);
 * console.log(again.type, again.ntotal); // IndexFlat 2
 */
export function writeIndex(index: Index): Uint8Array<ArrayBuffer> {
	checkIndex('writeIndex', index);
	const release = hold(index);
	try {
		const file = planned(index);
		const out = allocate('writeIndex', file.byteLength, () => new Uint8Array(file.byteLength));
		let at = 0;
		for (const piece of filePieces(file, withoutPauses(headerOf(file)))) {
			out.set(bytesOfPiece(index.engine.arena, piece), at);
			at += piece.byteLength;
		}
		return out;
	} finally {
		release();
	}
}

/**
 * Chunks, and between them undefined wherever the event loop may be given way.
 *
 * @param onPlanned - Told the length of the file in bytes as soon as it is known.
 * @internal
 */
export function* chunksWithPauses(
	index: Index,
	onPlanned?: (byteLength: number) => void,
): Generator<Uint8Array<ArrayBuffer> | undefined, void, undefined> {
	const release = hold(index);
	try {
		const file = planned(index);
		onPlanned?.(file.byteLength);
		const header = yield* headerOf(file);
		yield* cut(filePieces(file, header), index.engine.arena, file.byteLength);
	} finally {
		release();
	}
}

/** @internal */
export function checkIndex(where: string, index: Index): void {
	if (!(index instanceof Index)) throw new TypeError(`${where}: index must be an index, got ${show(index)}`);
	index.checkUsable(SAVE);
}

/** In messages: IndexFlat.save: ... */
const SAVE = 'save';

/** A file that can be written: its length is known, its checksums are not. */
interface PlannedFile extends FilePlan {
	readonly json: Uint8Array<ArrayBuffer>;
	readonly offsets: readonly number[];
	readonly byteLength: number;
}

function planned(index: Index): PlannedFile {
	const plan = planFile(index);
	const json = new TextEncoder().encode(JSON.stringify(plan.root));
	const lengths = plan.sections.map((section) => section.byteLength);
	const { offsets, byteLength } = layOut(json.length, lengths);
	return { ...plan, json, offsets, byteLength };
}

function* chunksWithoutPauses(index: Index): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
	for (const chunk of chunksWithPauses(index)) if (chunk !== undefined) yield chunk;
}

function withoutPauses<T>(steps: Generator<undefined, T>): T {
	for (;;) {
		const step = steps.next();
		if (step.done) return step.value;
	}
}

/** Header, JSON and section table, which need all checksums. */
function* headerOf(file: PlannedFile): Generator<undefined, Uint8Array<ArrayBuffer>> {
	const sections: { byteLength: number; crc: number }[] = [];
	for (const section of file.sections) {
		sections.push({ byteLength: section.byteLength, crc: yield* section.checksum() });
	}
	return encodeHeader(file.json, sections, minorOf(file.root));
}

/** The whole file, padding included. */
function* filePieces(file: PlannedFile, header: Uint8Array): Generator<Piece> {
	yield header;
	let at = header.byteLength;
	for (const [i, section] of file.sections.entries()) {
		const offset = file.offsets[i]!;
		if (offset > at) yield new Uint8Array(offset - at);
		yield* section.pieces();
		at = offset + section.byteLength;
	}
}

/** Pieces put together, or cut, to chunks of CHUNK_BYTES and a last one; `byteLength` bytes in all. @internal */
export function* cut(
	pieces: Iterable<Piece>,
	arena: Arena,
	byteLength: number,
): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
	let left = byteLength;
	let chunk = new Uint8Array(Math.min(CHUNK_BYTES, left));
	let at = 0;
	for (const piece of pieces) {
		for (let from = 0; from < piece.byteLength; ) {
			const count = Math.min(piece.byteLength - from, chunk.length - at);
			chunk.set(bytesOfPiece(arena, piece).subarray(from, from + count), at);
			from += count;
			at += count;
			if (at < chunk.length) continue;
			yield chunk;
			left -= at;
			at = 0;
			chunk = new Uint8Array(Math.min(CHUNK_BYTES, left));
		}
	}
}

/** Holds an index and those inside it. @internal */
export function hold(index: Index): () => void {
	const releases = [index.hold(SAVE)];
	const wraps = index instanceof IndexIDMap || index instanceof IndexPreTransform;
	const inside = wraps ? [index.index] : index instanceof IndexRefine ? [index.base, index.refine] : [];
	try {
		for (const inner of inside) releases.push(hold(inner));
	} catch (error) {
		for (const release of releases) release();
		throw error;
	}
	return () => {
		for (const release of releases) release();
	};
}
