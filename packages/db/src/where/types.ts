/**
 * The type of filters: which fields and operators a `where` may have, from the type of the metadata.
 *
 * Operators mean what they mean in MongoDB, with one word fewer: a field that is missing and a field that is null are the
 * same thing, "absent".
 */

import type { Metadata } from '../types.ts';

/** A value that a field can be compared with. Dates are compared as ISO 8601 text in UTC. */
export type WhereValue = string | number | boolean | Date | null;

interface Equality<V> {
	/** Equals; null: the field is absent. An array equals when one of its values does. */
	readonly $eq?: V | null;
	/** Not `$eq`: rows where the field is absent match too. */
	readonly $ne?: V | null;
	/** Equals one of these; no values, no rows. */
	readonly $in?: readonly (V | null)[];
	/** Not `$in`: rows where the field is absent match too. */
	readonly $nin?: readonly (V | null)[];
	/** Whether the field is there and not null. */
	readonly $exists?: boolean;
}

interface Order<V> {
	/** Greater, of the same type: text by code points, so that '10' < '9'. An array matches when one of its values does. */
	readonly $gt?: V;
	readonly $gte?: V;
	readonly $lt?: V;
	readonly $lte?: V;
}

interface Text {
	/** Begins with this text, upper and lower case told apart. */
	readonly $prefix?: string;
	/** Contains this text, upper and lower case told apart. */
	readonly $contains?: string;
}

interface Has<V> {
	/** The array has this value. */
	readonly $contains?: V;
}

interface Negation<O> {
	/** Whatever these operators do not match, rows where the field is absent among them. */
	readonly $not?: O;
}

type BooleanOperators = Equality<boolean> & Negation<Equality<boolean>>;
type NumberOperators<V> = Equality<V> & Order<V> & Negation<Equality<V> & Order<V>>;
type TextOperators<V> = Equality<V> & Order<V> & Text & Negation<Equality<V> & Order<V> & Text>;
type DateOperators = Equality<string | Date> &
	Order<string | Date> &
	Text &
	Negation<Equality<string | Date> & Order<string | Date> & Text>;
type ArrayOf<V, O> = Equality<V> & Order<V> & Has<V> & O;
type TextArrayOperators<V> = ArrayOf<V, { readonly $prefix?: string }> &
	Negation<ArrayOf<V, { readonly $prefix?: string }>>;
type NumberArrayOperators<V> = ArrayOf<V, unknown> & Negation<ArrayOf<V, unknown>>;

/** Operators on a field of which nothing is known. */
export type AnyOperators = Equality<Exclude<WhereValue, null>> &
	Order<string | number | Date> & {
		readonly $prefix?: string;
		readonly $contains?: string | number | boolean | Date;
	} & Negation<
		Equality<Exclude<WhereValue, null>> &
			Order<string | number | Date> & {
				readonly $prefix?: string;
				readonly $contains?: string | number | boolean | Date;
			}
	>;

/** What may stand after the name of a field of which nothing is known. */
export type AnyCondition = WhereValue | AnyOperators;

/** What may stand after the name of a field whose values are V. Tuples keep unions together. */
type ConditionOn<V> = unknown extends V
	? AnyCondition
	: [V] extends [boolean]
		? V | null | BooleanOperators
		: [V] extends [number]
			? V | null | NumberOperators<V>
			: [V] extends [string]
				? V | null | TextOperators<V>
				: [V] extends [string | Date]
					? string | Date | null | DateOperators
					: [V] extends [readonly string[]]
						? V[number] | null | TextArrayOperators<V[number]>
						: [V] extends [readonly number[]]
							? V[number] | null | NumberArrayOperators<V[number]>
							: AnyCondition;

/** Fields that have something inside, or may have. */
type Nested<M> = {
	[K in keyof M & string]: unknown extends NonNullable<M[K]>
		? K
		: unknown extends M[K]
			? K
			: NonNullable<M[K]> extends string | number | boolean | Date | readonly unknown[]
				? never
				: K;
}[keyof M & string];

interface Logic<M> {
	/** All of these; none: every row. */
	readonly $and?: readonly Where<M>[];
	/** One of these at least; none: no row. */
	readonly $or?: readonly Where<M>[];
	/** Every row that this does not match. */
	readonly $not?: Where<M>;
}

/** A filter where any field may be named. */
export interface OpenWhere {
	readonly $and?: readonly OpenWhere[];
	readonly $or?: readonly OpenWhere[];
	readonly $not?: OpenWhere;
	/** No other word begins with $; here it only keeps misspelt operators out. */
	readonly [operator: `$${string}`]: readonly OpenWhere[] | OpenWhere | undefined;
	readonly [field: string]: AnyCondition | readonly OpenWhere[] | OpenWhere | undefined;
}

/**
 * Which rows: conditions on fields, all of which must hold. `{ field: value }` is equality; an array field matches when it
 * has the value. A field that is missing or null matches `null`, `$ne`, `$nin` and `$not`, and no other comparison.
 * Values are compared within their type: 1 is neither '1' nor true. Fields inside JSON objects are named with dots
 * ('author.name'; paths go through objects, not into arrays). `{}` is every row.
 *
 * Without a schema, any field that some row has had can be named; with one, only its fields, with operators of their type.
 *
 * @example
 * const where: Where<{ genre?: string; year?: number; tags?: string[] }> = {
 *   genre: { $in: ['Sports', 'Politics'] },
 *   year: { $gte: 2020, $lt: 2025 },
 *   $or: [{ tags: 'olympics' }, { tags: { $prefix: 'foot' } }],
 * };
 */
export type Where<M = Metadata> = string extends keyof M
	? OpenWhere
	: Logic<M> & { readonly [K in keyof M & string]?: ConditionOn<NonNullable<M[K]>> } & {
			readonly [P in `${Nested<M>}.${string}`]?: AnyCondition;
		};
