/**
 * The segments of one model and what is in memory of them: one index that all were merged into or, where merging would mean
 * linking a graph anew, one for each.
 */

import { type Engine, type Index, isVecinoError, readIndex, VecinoError } from 'vecino';
import type { LiveSearchParams, ModelRecord, SegmentFiles, SegmentRecord } from './contract.ts';
import { type Measured, parseMeasured, settingFor } from './measured.ts';
import { Part, type SearchSetting } from './parts.ts';
import { type Traits, traitsOf } from './traits.ts';

/** A model, its segments, and the parts that hold them. */
export class ModelGroup implements Disposable {
	readonly traits: Traits;
	/** Segments by name. */
	readonly segments: Map<string, SegmentRecord> = new Map();
	#record: ModelRecord;
	#measured: Measured | undefined;
	/** Trained and empty; where all is merged into one index, that one. */
	#trained: Index;
	#merged: Part | undefined;
	#parts = new Map<string, Part>();
	/** Cells, and how many of them training found to be needed. */
	#lists: { readonly nlist: number; readonly nprobe: number } | undefined;
	#drift: { readonly labels: number; readonly value: number | undefined } | undefined;

	/** @param trained - The model; belongs to the group from now on. */
	constructor(record: ModelRecord, trained: Index) {
		this.#record = record;
		this.#measured = parseMeasured(record.measured);
		this.traits = traitsOf(record.spec);
		this.#trained = trained;
		if (!this.traits.graph) this.#merged = new Part(trained, false);
	}

	get record(): ModelRecord {
		return this.#record;
	}

	get name(): string {
		return this.#record.name;
	}

	get measured(): Measured | undefined {
		return this.#measured;
	}

	set measured(measured: Measured) {
		this.#measured = measured;
		this.#record = { ...this.#record, measured: JSON.stringify(measured) };
	}

	/** What another process measured. */
	remeasured(text: string | undefined): void {
		if (text === this.#record.measured) return;
		this.#measured = parseMeasured(text) ?? this.#measured;
		this.#record = { ...this.#record, measured: text };
	}

	/** All segments are in one index. */
	get mergeable(): boolean {
		return this.#merged !== undefined;
	}

	/** The one index of all segments, where there is one. */
	get merged(): Part | undefined {
		return this.#merged;
	}

	get parts(): Part[] {
		return this.#merged === undefined ? [...this.#parts.values()] : [this.#merged];
	}

	/** Rows alive. */
	get count(): number {
		return this.parts.reduce((sum, { count }) => sum + count, 0);
	}

	/** Labels given out, those of dead rows counted. */
	get labels(): number {
		return this.parts.reduce((sum, { labels }) => sum + labels, 0);
	}

	/** Rows in segment files, dead ones counted. */
	get rows(): number {
		let rows = 0;
		for (const segment of this.segments.values()) rows += segment.rows;
		return rows;
	}

	get fileBytes(): number {
		let bytes = this.#record.bytes;
		for (const segment of this.segments.values()) bytes += segment.bytes;
		return bytes;
	}

	get byteLength(): number {
		const model = this.#merged === undefined ? this.#trained.byteLength : 0;
		return this.parts.reduce((sum, { byteLength }) => sum + byteLength, model);
	}

	/** Where there are cells, their index. */
	get cells(): Index | undefined {
		const { nlist } = this.traits;
		return nlist === 0 ? undefined : (this.parts.find(({ count }) => count > 0)?.index ?? this.#trained);
	}

	has(rid: number): boolean {
		return this.parts.some((part) => part.has(rid));
	}

	/** A copy of the model, empty. */
	clone(engine: Engine): Index {
		return this.#trained.cloneTrained({ engine });
	}

	/** Takes a piece of a segment in; `index` is disposed of, or becomes a part. */
	take(segment: string, index: Index, rids: Float64Array): void {
		const into = this.#merged;
		if (into === undefined) {
			const part = new Part(index, false);
			part.map.append(rids);
			this.#parts.set(segment, part);
			return;
		}
		try {
			into.merge(index, rids);
			if (into.labels === rids.length) into.prepareRemoval();
		} finally {
			index[Symbol.dispose]();
		}
	}

	/** Puts another index in the place of the merged one. */
	swap(part: Part): void {
		const before = this.#merged;
		this.#merged = part;
		this.#trained = part.index;
		before?.[Symbol.dispose]();
	}

	/** Forgets the part of a segment, where each has its own. */
	dropPart(segment: string): void {
		this.#parts.get(segment)?.[Symbol.dispose]();
		this.#parts.delete(segment);
	}

	/** The part of a segment, where each has its own. */
	partOf(segment: string): Part | undefined {
		return this.#parts.get(segment);
	}

	/** Parameters of a search of this group for k rows. */
	setting(k: number, asked: LiveSearchParams): SearchSetting {
		// Looks at every list: once, not in every search.
		if (this.#lists === undefined) {
			const { nlist = 0, nprobe = 0 } = this.cells?.stats().lists ?? {};
			this.#lists = { nlist, nprobe };
		}
		const { nlist, nprobe } = this.#lists;
		return settingFor({ traits: this.traits, nlist, trainedNprobe: nprobe, measured: this.#measured }, k, asked);
	}

	/** As IndexHealth has it, and not much out of date: it takes some milliseconds. Undefined where there are no cells or rows. */
	get drift(): number | undefined {
		const { cells, labels } = this;
		if (cells === undefined || cells.ntotal === 0) return undefined;
		if (this.#drift === undefined || labels > 1.02 * this.#drift.labels || labels < this.#drift.labels) {
			this.#drift = { labels, value: cells.health().drift };
		}
		return this.#drift.value;
	}

	[Symbol.dispose](): void {
		for (const part of this.#parts.values()) part[Symbol.dispose]();
		this.#parts.clear();
		if (this.#merged === undefined) this.#trained[Symbol.dispose]();
		else this.#merged[Symbol.dispose]();
	}
}

/** A file of a collection as an index, everything checked that the manifest says of it. */
export async function loadFile(
	files: SegmentFiles,
	name: string,
	expected: { readonly bytes: number; readonly rows: number; readonly d: number },
	engine: Engine,
	canRebuild: boolean,
): Promise<Index> {
	const damaged = (what: string, cause?: unknown): VecinoError => {
		const remedy = canRebuild
			? 'call repair(), which makes it again from the rows'
			: 'originals are not kept, so it cannot be made again: restore a snapshot';
		const file = files.path(name) ?? name;
		return new VecinoError('corrupt-data', `${file}: ${what}; ${remedy}`, { found: name, cause });
	};
	let bytes: Uint8Array;
	try {
		bytes = await files.read(name);
	} catch (error) {
		throw damaged('the file is missing or cannot be read', error);
	}
	if (bytes.length !== expected.bytes) throw damaged(`it has ${bytes.length} bytes instead of ${expected.bytes}`);
	let index: Index;
	try {
		index = readIndex(bytes, { engine });
	} catch (error) {
		if (isVecinoError(error, 'out-of-memory')) throw error;
		throw damaged((error as Error).message, error);
	}
	if (index.labelEnd === expected.rows && index.d === expected.d) return index;
	const found = `${index.labelEnd} rows of ${index.d} dimensions`;
	index[Symbol.dispose]();
	throw damaged(`it has ${found} instead of ${expected.rows} of ${expected.d}`);
}
