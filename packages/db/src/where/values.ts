/**
 * Values of filters and metadata: dates as text, text that is well-formed, and how a value is named in an error.
 */

/** Dates that sort as text: years 0 to 9999, in milliseconds. */
const FIRST_DATE = Date.parse('0000-01-01T00:00:00.000Z');
const LAST_DATE = Date.parse('9999-12-31T23:59:59.999Z');

/** year, month and day, the time, its fraction, the zone. */
const ISO_DATE =
	/^(\d{4})-(\d{2})(?:-(\d{2}))?(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|z|[+-]\d{2}:?\d{2})?)?$/;

/**
 * A point in time as it is kept: ISO 8601 in UTC with milliseconds, so that text sorts as time does.
 * Without a zone, UTC is meant; without a time, midnight.
 * @returns undefined for what is no such date, or not in the years 0 to 9999.
 */
export function isoDate(value: unknown): string | undefined {
	if (value instanceof Date) return textOf(value.getTime());
	if (typeof value !== 'string') return undefined;
	const parts = ISO_DATE.exec(value);
	if (parts === null) return undefined;
	const [, year, month, day = '01', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = parts;
	const milliseconds = fraction.slice(0, 3).padEnd(3, '0');
	const inUtc = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}Z`;
	const time = Date.parse(inUtc);
	// The parser takes the 31st of short months for a day of the next.
	if (Number.isNaN(time) || new Date(time).getUTCDate() !== Number(day)) return undefined;
	return textOf(time - offsetOf(zone));
}

/** Milliseconds that a zone is ahead of UTC. */
function offsetOf(zone: string): number {
	if (zone === 'Z' || zone === 'z') return 0;
	const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(-2));
	return (zone[0] === '-' ? -minutes : minutes) * 60_000;
}

function textOf(time: number): string | undefined {
	return time >= FIRST_DATE && time <= LAST_DATE ? new Date(time).toISOString() : undefined;
}

/**
 * Text as it can be kept everywhere: halves of surrogate pairs, which have no bytes in UTF-8, and U+0000, where SQLite under
 * some versions of Node ends a text, are U+FFFD.
 */
export function wellFormed(text: string): string {
	return /[\p{Surrogate}\0]/u.test(text) ? text.replace(/[\p{Surrogate}\0]/gu, '\uFFFD') : text;
}

/** A value and its type, short, for errors: `'2020' (string)`. */
export function described(value: unknown): string {
	if (value === null || value === undefined) return String(value);
	if (Array.isArray(value)) return `an array of ${value.length}`;
	if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'an invalid Date' : `${value.toISOString()} (Date)`;
	if (typeof value === 'string') return `'${value.length > 60 ? value.slice(0, 60) + '…' : value}' (string)`;
	if (typeof value === 'object') return `an object (${Object.keys(value).slice(0, 5).join(', ')})`;
	return `${String(value).slice(0, 60)} (${typeof value})`;
}

/** Whether a value is an object as `{}` makes them: not null, an array, a Date, a Map. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
	if (typeof value !== 'object' || value === null) return false;
	const prototype = Object.getPrototypeOf(value);
	return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null;
}
