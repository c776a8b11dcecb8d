/**
 * One JSON document of many entries, read member by member. What is understood:
 *
 *   MiniVecDB       { "dimension": 768, "next_id": 383, "vectors": { "0": [...] }, "metadatas": { "0": { ... } } }
 *   entries         [ { "id"?, "vector", "metadata"? }, ... ], flat ones too (entries.ts), or arrays of numbers alone
 *   entries inside  { "vectors" | "entries" | "data" | ... : [ { ... } ] or { "<id>": { ... } } }
 *   columns         { "vectors" | "embeddings": [[...]], "ids"?: [...], "metadatas"?: [...], "documents"?: [...] }
 *
 * Keys that are integers become integer ids, as MiniVecDB reads them. Other keys of the outermost object are passed over,
 * but `dimension` must agree with the vectors.
 */

import { type RangeSource, VecinoError } from 'vecino';
import type { Entry, Id } from '../types.ts';
import { LONGEST, parts } from './bytes.ts';
import { EntryReader, isNumbers, isObject, type PlacedEntry, type ReadEntriesOptions, USUAL_KEYS } from './entries.ts';
import { JsonFault, type Member, members } from './members.ts';

/** Names under which documents keep entries or vectors. */
const HOLDERS = ['vectors', 'embeddings', 'entries', 'data', 'rows', 'items', 'records', 'points', 'documents'];
const METADATA_COLUMNS = ['metadatas', 'metadata', 'payloads'];
const ID_COLUMNS = ['ids', 'id'];
const TEXT_COLUMNS = ['texts', 'documents', 'text'];

/** Values that are no container are this long at most, bytes. */
const LONGEST_SCALAR = 1024;

/** Where a value of the outermost object is. */
interface Place {
	/** Its first byte that is no white space. */
	readonly at: number;
	readonly end: number;
	readonly kind: string;
}

/**
 * Entries of a JSON document; a place counts entries from 1.
 *
 * @throws VecinoError 'corrupt-data', 'not-finite', 'dimension-mismatch'.
 */
export async function* readJsonDocument(
	source: RangeSource,
	options: ReadEntriesOptions = {},
): AsyncGenerator<PlacedEntry> {
	const reader = new EntryReader('entry', options);
	const { signal } = options;
	try {
		const first = await firstByte(source, 0, source.byteLength);
		if (first.kind === '[') {
			const list = members(source, first.at, 'values', signal);
			let place = 0;
			let step = await list.next();
			for (; !step.done; step = await list.next()) yield { entry: entryOf(step.value.value, ++place, reader), place };
			const rest = await firstByte(source, step.value, source.byteLength);
			if (rest.kind === '') return;
			throw new JsonFault("something after the end of the array: give format 'jsonl' if there is one a line", rest.at);
		}
		if (first.kind !== '{') throw new JsonFault('neither an array nor an object', first.at);
		yield* readObject(source, first.at, reader, signal);
	} catch (error) {
		if (!(error instanceof JsonFault)) throw error;
		const message = `${reader.name}: byte ${error.offset}: ${error.message}`;
		throw new VecinoError('corrupt-data', message, { offset: error.offset, cause: error });
	}
}

async function* readObject(
	source: RangeSource,
	start: number,
	reader: EntryReader,
	signal: AbortSignal | undefined,
): AsyncGenerator<PlacedEntry> {
	const places = new Map<string, Place>();
	const outermost = members(source, start, 'places', signal);
	let step = await outermost.next();
	for (; !step.done; step = await outermost.next()) {
		const { key, start: from, end } = step.value;
		places.set(key!, await firstByte(source, from, end));
	}
	const rest = await firstByte(source, step.value, source.byteLength);
	if (rest.kind === '{') throw new JsonFault("a second object after the first: give format 'jsonl'", rest.at);
	if (rest.kind !== '') throw new JsonFault('something after the end of the document', rest.at);

	const container = (name: string): boolean => /[[{]/.test(places.get(name)?.kind ?? '');
	const holder = HOLDERS.find(container);
	const isOneEntry = [...USUAL_KEYS.vector, ...USUAL_KEYS.text].some((key) => places.has(key));
	if (holder === undefined && isOneEntry) {
		yield { entry: entryOf(await wholeValue(source, start, step.value), 1, reader), place: 1 };
		return;
	}
	if (holder === undefined) {
		const keys = [...places.keys()].slice(0, 8).map((key) => `'${key.slice(0, 60)}'`);
		throw new JsonFault(
			`no entries: expected one of ${HOLDERS.join(', ')}, found ${keys.join(', ') || 'nothing'}`,
			start,
		);
	}
	const dimension = await scalar(source, places.get('dimension'));
	if (Number.isInteger(dimension)) reader.expect(dimension as number, "as 'dimension' says");
	const main = places.get(holder)!;
	const column = (names: readonly string[]): Place | undefined => {
		const name = names.find((candidate) => candidate !== holder && places.get(candidate)?.kind === main.kind);
		return name === undefined ? undefined : places.get(name);
	};
	const columns = { metadata: column(METADATA_COLUMNS), id: column(ID_COLUMNS), text: column(TEXT_COLUMNS) };
	if (main.kind === '{') yield* keyed(source, main, columns, reader, signal);
	else yield* listed(source, main, columns, reader, signal);
}

interface Columns {
	readonly metadata: Place | undefined;
	readonly id: Place | undefined;
	readonly text: Place | undefined;
}

function entryOf(value: unknown, place: number, reader: EntryReader): Entry {
	return isNumbers(value) ? { vector: reader.vector(value, place) } : reader.read(value, place);
}

/** Entries of an object: vectors or entries by id, metadata by id beside them, in the same order or another. */
async function* keyed(
	source: RangeSource,
	main: Place,
	columns: Columns,
	reader: EntryReader,
	signal: AbortSignal | undefined,
): AsyncGenerator<PlacedEntry> {
	const metadata = new ByKey(source, columns.metadata, signal);
	const texts = new ByKey(source, columns.text, signal);
	let place = 0;
	for await (const { key, value } of members(source, main.at, 'values', signal)) {
		place++;
		const id = idOfKey(key!);
		const beside = { metadata: await metadata.get(key!), text: await texts.get(key!) };
		if (isNumbers(value)) {
			yield { entry: columnEntry(reader, place, { vector: reader.vector(value, place), id, ...beside }), place };
		} else {
			yield { entry: { id, ...reader.read(value, place, { id }) }, place };
		}
	}
}

/** Entries of an array, with ids, metadata and texts in arrays of the same length where there are such. */
async function* listed(
	source: RangeSource,
	main: Place,
	columns: Columns,
	reader: EntryReader,
	signal: AbortSignal | undefined,
): AsyncGenerator<PlacedEntry> {
	const ids = new InOrder(source, columns.id, signal);
	const metadata = new InOrder(source, columns.metadata, signal);
	const texts = new InOrder(source, columns.text, signal);
	let place = 0;
	for await (const { value } of members(source, main.at, 'values', signal)) {
		place++;
		if (!isNumbers(value)) {
			yield { entry: reader.read(value, place), place };
			continue;
		}
		const vector = reader.vector(value, place);
		const beside = { id: await ids.next(), metadata: await metadata.next(), text: await texts.next() };
		yield { entry: columnEntry(reader, place, { vector, ...beside }), place };
	}
	for (const column of [ids, metadata, texts]) {
		if ((await column.next()) === undefined) continue;
		throw reader.error(place + 1, 'ids, metadata or texts go on where the vectors end');
	}
}

function columnEntry(
	reader: EntryReader,
	place: number,
	{ vector, id, metadata, text }: { vector: Float32Array; id: unknown; metadata: unknown; text: unknown },
): Entry {
	if (metadata !== undefined && metadata !== null && !isObject(metadata)) {
		throw reader.error(place, 'its metadata is no object');
	}
	if (text !== undefined && text !== null && typeof text !== 'string')
		throw reader.error(place, 'its text is no string');
	const isId = typeof id === 'string' || Number.isSafeInteger(id);
	if (id !== undefined && id !== null && !isId) throw reader.error(place, 'its id is neither a string nor an integer');
	return {
		vector,
		...(isId && { id: id as Id }),
		...(isObject(metadata) && { metadata }),
		...(typeof text === 'string' && { text }),
	};
}

/** Values of an array, one for each call; undefined after the last, and where there is no array. */
class InOrder {
	readonly #members: AsyncGenerator<Member, number> | undefined;

	constructor(source: RangeSource, place: Place | undefined, signal: AbortSignal | undefined) {
		this.#members = place === undefined ? undefined : members(source, place.at, 'values', signal);
	}

	async next(): Promise<unknown> {
		const step = await this.#members?.next();
		return step === undefined || step.done ? undefined : (step.value.value ?? null);
	}
}

/** Values of an object, asked for in about the order in which they stand; those passed over wait in memory. */
class ByKey {
	readonly #waiting = new Map<string, unknown>();
	readonly #members: AsyncGenerator<Member, number> | undefined;

	constructor(source: RangeSource, place: Place | undefined, signal: AbortSignal | undefined) {
		this.#members = place === undefined ? undefined : members(source, place.at, 'values', signal);
	}

	async get(key: string): Promise<unknown> {
		if (this.#waiting.has(key)) {
			const value = this.#waiting.get(key);
			this.#waiting.delete(key);
			return value;
		}
		for (let step = await this.#members?.next(); step !== undefined && !step.done; step = await this.#members!.next()) {
			if (step.value.key === key) return step.value.value;
			this.#waiting.set(step.value.key!, step.value.value);
		}
		return undefined;
	}
}

/** '12' was the integer 12. */
function idOfKey(key: string): Id {
	const number = Number(key);
	return /^(0|-?[1-9]\d*)$/.test(key) && Number.isSafeInteger(number) ? number : key;
}

/** The first byte between two that is no white space (nor a byte order mark); kind '' where there is none. */
async function firstByte(source: RangeSource, from: number, to: number): Promise<Place> {
	let at = from;
	for await (const chunk of parts(source, from, to)) {
		const i = chunk.findIndex((byte) => byte > 0x20 && byte !== 0xef && byte !== 0xbb && byte !== 0xbf);
		if (i >= 0) return { at: at + i, end: to, kind: String.fromCharCode(chunk[i]!) };
		at += chunk.length;
	}
	return { at: to, end: to, kind: '' };
}

/** A number, a string, true, false or null. */
async function scalar(source: RangeSource, place: Place | undefined): Promise<unknown> {
	if (place === undefined || /[[{]/.test(place.kind) || place.end - place.at > LONGEST_SCALAR) return undefined;
	try {
		return JSON.parse(new TextDecoder().decode(await source.read(place.at, place.end - place.at))) as unknown;
	} catch (cause) {
		throw new JsonFault('no JSON', place.at, cause);
	}
}

/** The value between two bytes. */
async function wholeValue(source: RangeSource, start: number, end: number): Promise<unknown> {
	if (end - start > LONGEST) throw new JsonFault(`one entry of more than ${LONGEST} bytes`, start);
	const bytes = await source.read(start, end - start);
	try {
		return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
	} catch (cause) {
		throw new JsonFault(`no JSON: ${String(cause).slice(0, 120)}`, start, cause);
	}
}
