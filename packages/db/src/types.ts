/**
 * The words that all of the package shares: ids, metadata, hits.
 *
 * A row of a collection has an id, which is the caller's, and a rid, which is ours: an integer that grows with every write
 * of a vector and is never given twice. Indexes, filters and segments know rids only, so that nothing stale can be found
 * under an id that was deleted and came back.
 */

/** A caller's id. `1` and `'1'` are two ids. */
export type Id = string | number;

/** What is kept beside a vector: a JSON object. */
export type Metadata = Readonly<Record<string, unknown>>;

/** Types that a field of metadata can be declared to have. `datetime` is an ISO 8601 string or a Date, kept as the former in UTC. */
export type FieldType = 'string' | 'number' | 'integer' | 'boolean' | 'datetime' | 'string[]' | 'number[]' | 'json';

/** A field of metadata. */
export interface FieldSpec {
	/** What its values are. */
	readonly type: FieldType;
	/** Whether filters on it are answered by an index. Default: true, and false for `json`. */
	readonly index?: boolean | undefined;
	/** Whether rows must have it. Default: false. */
	readonly required?: boolean | undefined;
}

/** Fields by name: `{ genre: 'string', year: { type: 'integer', required: true } }`. */
export type Schema = Readonly<Record<string, FieldType | FieldSpec>>;

type ValueOf<T extends FieldType> = T extends 'string'
	? string
	: T extends 'number' | 'integer'
		? number
		: T extends 'boolean'
			? boolean
			: T extends 'datetime'
				? string | Date
				: T extends 'string[]'
					? readonly string[]
					: T extends 'number[]'
						? readonly number[]
						: unknown;

/** Words are asked first: a word and a FieldSpec at once would be of any type. */
type TypeOf<F> = F extends FieldType ? F : F extends FieldSpec ? F['type'] : never;

type RequiredNames<S extends Schema> = {
	[K in keyof S]: S[K] extends { readonly required: true } ? K : never;
}[keyof S];

/** The metadata that a schema describes; any JSON object where there is none. */
export type MetadataOf<S extends Schema | undefined> = S extends Schema
	? { readonly [K in RequiredNames<S>]: ValueOf<TypeOf<S[K]>> } & {
			readonly [K in Exclude<keyof S, RequiredNames<S>>]?: ValueOf<TypeOf<S[K]>> | null;
		}
	: Metadata;

/** How distances are taken: 'l2' (squared, as FAISS), 'ip', 'cosine'. */
export type { Metric } from 'vecino';

/** A row to be put in: a vector, or a text that the embedder of the collection turns into one. */
export interface Entry<M = Metadata> {
	/** Default: a new integer. */
	readonly id?: Id | undefined;
	/** d finite numbers. */
	readonly vector?: ArrayLike<number> | undefined;
	/** Kept, embedded where there is no vector, and found by words in hybrid search. */
	readonly text?: string | undefined;
	/** Kept beside it. Default: none. */
	readonly metadata?: M | undefined;
}

/** A row as it is kept. */
export interface Row<M = Metadata> {
	/** The caller's, or the integer that it was given. */
	readonly id: Id;
	/** {} where there is none. */
	readonly metadata: M;
	/** Where it has one. */
	readonly text?: string | undefined;
	/** With `include: ['vector']`: as kept, so rounded where originals are kept in fewer bits. */
	readonly vector?: Float32Array | undefined;
}

/** A row that was found. */
export interface Hit<M = Metadata> extends Row<M> {
	/**
	 * Higher is better. cosine: the similarity, -1..1. l2: 1 / (1 + squared distance), 0..1. ip: the inner product.
	 * Hybrid: the fused score, 0..1.
	 */
	readonly score: number;
	/** As the metric has it: squared for l2, 1 - similarity for cosine (0..2), the inner product negated for ip; lower is nearer. NaN where only the words were found. */
	readonly distance: number;
}
