/** Entries, as callers give them, into rows that can be written: checked, embedded, encoded. Nothing is written here. */

import { VecinoError } from 'vecino';
import { checkId, checkKeys, isPlainObject, show } from '../check.ts';
import { F16_MAX, vectorCodec } from '../rows/encode.ts';
import type { KeyValue, PreparedRow } from '../rows/writer.ts';
import type { Entry, Id, Metadata } from '../types.ts';
import { checkMetadata } from '../where/schema.ts';
import { wellFormed } from '../where/values.ts';
import type { Core } from './core.ts';
import { MAX_DIMENSION } from './options.ts';
import { Slice } from './turns.ts';

/** Rows of one transaction. */
export interface PreparedBatch {
	readonly rows: readonly PreparedRow[];
	/** Metadata of the rows, for the names of its fields. */
	readonly metadata: readonly (object | undefined)[];
	/** Vectors of the rows, size rows * d. */
	readonly vectors: Float32Array;
	readonly d: number;
	/** Version of the embedder that made some of the vectors; undefined where all were given. */
	readonly version: number | undefined;
}

/** Metadata that was checked, as it is kept. */
export interface PreparedMetadata {
	/** null where there is none. */
	readonly json: string | null;
	readonly metadata: Metadata | undefined;
	readonly values: readonly KeyValue[];
}

interface Checked {
	readonly id: Id | undefined;
	readonly vector: ArrayLike<number> | undefined;
	readonly text: string | undefined;
	readonly kept: PreparedMetadata;
}

const NOTHING_MADE = { vectors: [], version: 0 };
const ENTRY_KEYS = ['id', 'vector', 'text', 'metadata'];

/**
 * Checks entries, embeds the texts that come without a vector, and encodes the vectors, in slices.
 *
 * @param where - The method, for errors. @param first - Row of the first entry in what the method was given.
 */
export async function prepareEntries(
	core: Core,
	where: string,
	entries: readonly Entry[],
	first: number,
	signal: AbortSignal | undefined,
): Promise<PreparedBatch> {
	const slice = new Slice();
	const checked: Checked[] = [];
	const texts: string[] = [];
	for (let i = 0; i < entries.length; i++) {
		const entry = checkEntry(core, `${where}: entry ${first + i}`, entries[i]!);
		checked.push(entry);
		if (entry.vector === undefined) texts.push(entry.text!);
		if ((i & 63) === 63 && slice.isOver) await slice.next();
	}
	const { vectors: made, version } =
		texts.length === 0 ? NOTHING_MADE : await core.texts.embedDocuments(where, texts, signal);
	const d = dimensionOf(core, where, checked, made);
	const { originals } = core.settings;
	const codec = vectorCodec(originals, d);
	const vectors = new Float32Array(entries.length * d);
	const rows: PreparedRow[] = [];
	let nextMade = 0;
	for (let i = 0; i < checked.length; i++) {
		const { id, vector, text, kept } = checked[i]!;
		const own = vectors.subarray(i * d, (i + 1) * d);
		takeVector(core, where, vector ?? made[nextMade++]!, own, first + i, originals === 'f16');
		rows.push({ id, bytes: codec.encode(own), made: vector === undefined, meta: kept.json, text, values: kept.values });
		if ((i & 63) === 63 && slice.isOver) await slice.next();
	}
	return {
		rows,
		version: texts.length === 0 ? undefined : version,
		metadata: checked.map(({ kept }) => kept.metadata),
		vectors,
		d,
	};
}

function checkEntry(core: Core, where: string, entry: Entry): Checked {
	if (!isPlainObject(entry))
		throw new TypeError(`${where} must be an object { id, vector, text, metadata }, got ${show(entry)}`);
	checkKeys(where, entry, ENTRY_KEYS);
	const { id, vector, text, metadata } = entry as Entry;
	if (text !== undefined && typeof text !== 'string')
		throw new TypeError(`${where}: text must be a string, got ${show(text)}`);
	if (vector === undefined && text === undefined) throw new TypeError(`${where} has neither a vector nor a text`);
	if (vector !== undefined) checkVectorType(where, vector);
	return {
		id: id === undefined ? undefined : checkId(where, id),
		vector,
		text: text === undefined ? undefined : wellFormed(text),
		kept: prepareMetadata(core, where, metadata),
	};
}

/** Checks metadata against the schema, and turns it into JSON and the values of its array fields. */
export function prepareMetadata(core: Core, where: string, metadata: Metadata | undefined): PreparedMetadata {
	if (metadata === undefined || metadata === null) {
		if (core.settings.schema === undefined) return NO_METADATA;
	}
	const { json, metadata: kept, values } = checkMetadata(metadata, core.fields, where);
	return { json: json === '{}' ? null : json, metadata: kept, values };
}

const NO_METADATA: PreparedMetadata = Object.freeze({ json: null, metadata: undefined, values: [] });

function checkVectorType(where: string, vector: unknown): void {
	const length = (vector as { length?: unknown } | null)?.length;
	if (typeof vector === 'object' && typeof length === 'number') return;
	throw new TypeError(`${where}: vector must be an array of numbers, got ${show(vector)}`);
}

function dimensionOf(core: Core, where: string, checked: readonly Checked[], made: readonly Float32Array[]): number {
	const known = core.settings.dimension;
	if (known !== undefined) return known;
	const d = checked.find(({ vector }) => vector !== undefined)?.vector?.length ?? made[0]?.length ?? 0;
	if (d >= 1 && d <= MAX_DIMENSION) return d;
	throw new RangeError(`${where}: vectors must have 1..${MAX_DIMENSION} numbers, got ${d}`);
}

/** A vector to search with. */
export function queryVector(core: Core, where: string, vector: ArrayLike<number>, d: number): Float32Array {
	checkVectorType(where, vector);
	const out = new Float32Array(d);
	takeVector(core, where, vector, out, undefined, false);
	return out;
}

/** Copies a vector, or throws: of another dimension, not finite, or too large for f16. */
function takeVector(
	core: Core,
	where: string,
	vector: ArrayLike<number>,
	out: Float32Array,
	row: number | undefined,
	half: boolean,
): void {
	const d = out.length;
	const which = row === undefined ? 'the vector' : `entry ${row}`;
	const fields = row === undefined ? {} : { row };
	if (vector.length !== d) {
		const { model } = core.settings;
		const by = model === undefined ? '' : ` (made with ${model})`;
		throw new VecinoError(
			'dimension-mismatch',
			`${where}: ${which} has ${vector.length} numbers, the collection is of ${d} dimensions${by}`,
			{ ...fields, expected: d, found: vector.length },
		);
	}
	out.set(vector);
	let zero = 0;
	let largest = 0;
	for (let j = 0; j < d; j++) {
		const x = out[j]!;
		zero += x * 0;
		if (half && Math.abs(x) > largest) largest = Math.abs(x);
	}
	if (zero !== 0) {
		const j = out.findIndex((x) => !Number.isFinite(x));
		throw new VecinoError(
			'not-finite',
			`${where}: ${which} has ${String(vector[j])} at position ${j}; vectors must be finite float32 numbers`,
			{
				...fields,
				position: j,
				found: String(vector[j]),
			},
		);
	}
	if (largest > F16_MAX) {
		throw new RangeError(
			`${where}: ${which} has a number of magnitude ${largest}, more than originals: 'f16' can keep (${F16_MAX})`,
		);
	}
}
