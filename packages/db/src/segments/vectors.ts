/**
 * Vectors of rows for the work in the background, copied a few at a time.
 */

import type { SegmentRecord } from './contract.ts';
import type { Part } from './parts.ts';
import type { State } from './state.ts';

/** Rows and their vectors. */
export interface RowVectors {
	/** Ascending. */
	readonly rids: Float64Array<ArrayBuffer>;
	/** Layout (rids.length, d); its buffer holds nothing else that is needed, and may be handed over. */
	readonly vectors: Float32Array<ArrayBuffer>;
}

/** Gathers rows without knowing how many there will be. */
class Gathered {
	readonly #d: number;
	readonly #rids: Float64Array;
	readonly #vectors: Float32Array<ArrayBuffer>;
	#n = 0;

	constructor(most: number, d: number) {
		this.#d = d;
		this.#rids = new Float64Array(most);
		this.#vectors = new Float32Array(most * d);
	}

	/** Rows that are NaN are left out. */
	add(rids: ArrayLike<number>, vectors: Float32Array): void {
		const d = this.#d;
		for (let i = 0; i < rids.length; i++) {
			if (Number.isNaN(vectors[i * d]!)) continue;
			this.#rids[this.#n] = rids[i]!;
			this.#vectors.set(vectors.subarray(i * d, (i + 1) * d), this.#n * d);
			this.#n++;
		}
	}

	done(): RowVectors {
		// Not copied: a sample for training may have 100 MB.
		return { rids: this.#rids.slice(0, this.#n), vectors: this.#vectors.subarray(0, this.#n * this.#d) };
	}
}

/** The rows of a part that are alive, decoded. */
export async function vectorsOfPart(state: State, part: Part): Promise<RowVectors> {
	const { d } = state;
	const pieceRows = Math.max(1, state.limits.pieceRows >> 2);
	const rids = new Float64Array(part.count);
	const vectors = new Float32Array(part.count * d);
	let n = 0;
	for (let start = 0; start < part.labels; start += pieceRows) {
		const labels: number[] = [];
		const end = Math.min(part.labels, start + pieceRows);
		for (let label = start; label < end; label++) if (part.index.has(label)) labels.push(label);
		if (labels.length > 0) {
			vectors.set(part.index.reconstructMany(labels).data, n * d);
			for (const label of labels) rids[n++] = part.map.ridOf(label);
		}
		await state.pause();
	}
	if (n === rids.length) return { rids, vectors };
	return { rids: rids.slice(0, n), vectors: vectors.slice(0, n * d) };
}

/** Labels of a segment file whose rows are alive, as `alive` has it. */
export async function liveLabels(
	state: State,
	segment: SegmentRecord,
	alive: (rid: number) => boolean,
): Promise<Uint32Array> {
	const labels = new Uint32Array(segment.rids.length);
	let n = 0;
	for (let i = 0; i < segment.rids.length; i++) {
		if (alive(segment.rids[i]!)) labels[n++] = i;
		if ((i + 1) % state.limits.pieceRows === 0) await state.pause();
	}
	return labels.slice(0, n);
}

/** Originals of rows; those that are gone are left out. */
export async function originalsOf(state: State, rids: Float64Array): Promise<RowVectors> {
	const pieceRows = Math.max(1, state.limits.pieceRows >> 2);
	const gathered = new Gathered(rids.length, state.d);
	for (let start = 0; start < rids.length; start += pieceRows) {
		const some = rids.subarray(start, start + pieceRows);
		gathered.add(some, state.rows.vectorsOf(some));
		await state.pause();
	}
	return gathered.done();
}

/** Rows of a segment that are alive: originals where they are kept, else what its codes stand for. */
export async function vectorsOfSegment(
	state: State,
	segment: SegmentRecord,
	alive: (rid: number) => boolean,
): Promise<RowVectors> {
	const labels = await liveLabels(state, segment, alive);
	const rids = Float64Array.from(labels, (label) => segment.rids[label]!);
	if (state.rows.keepsOriginals) return originalsOf(state, rids);
	const file = await state.files.read(segment.name);
	state.checkOpen();
	const vectors = (await state.maker.decode({ file, labels })) as Float32Array<ArrayBuffer>;
	return { rids, vectors };
}

/** One rid in so many is not trained with, so that there are rows to measure recall with. */
const HELD_OUT = 37;

/** Whether training leaves a row out. */
export function isHeldOut(rid: number): boolean {
	return rid % HELD_OUT === 0;
}

/**
 * About n rows, spread evenly over all there are.
 *
 * @param heldOut - Those that training leaves out, or the others.
 */
export async function sampleOf(
	state: State,
	n: number,
	heldOut: boolean,
	parts: readonly Part[] = [...state.parts()].filter(({ count }) => count > 0),
): Promise<RowVectors> {
	const total = parts.reduce((sum, { count }) => sum + count, 0);
	const gathered = new Gathered(n + parts.length, state.d);
	const pieceRows = Math.max(1, state.limits.pieceRows >> 2);
	// As it is now: parts change in between.
	const shares = parts.map((part) => ({
		part,
		wanted: Math.min(part.count, Math.ceil((n * part.count) / total)),
		labels: part.labels,
	}));
	for (const { part, wanted, labels: span } of shares) {
		const step = span / wanted;
		for (let start = 0; start < wanted; start += pieceRows) {
			// A delta may have been sealed meanwhile.
			if (!isHeld(state, part)) break;
			const labels: number[] = [];
			for (let j = start; j < Math.min(wanted, start + pieceRows); j++) {
				const end = Math.min(span, Math.floor((j + 1) * step));
				for (let label = Math.floor(j * step); label < end; label++) {
					if (isHeldOut(part.map.ridOf(label)) !== heldOut || !part.index.has(label)) continue;
					labels.push(label);
					break;
				}
			}
			if (labels.length === 0) continue;
			const rids = labels.map((label) => part.map.ridOf(label));
			const kept = !part.exact && state.rows.keepsOriginals;
			gathered.add(rids, kept ? state.rows.vectorsOf(rids) : part.index.reconstructMany(labels).data);
			await state.pause();
		}
	}
	return gathered.done();
}

function isHeld(state: State, part: Part): boolean {
	for (const held of state.parts()) if (held === part) return true;
	return false;
}
