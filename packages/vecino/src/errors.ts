/**
 * Errors a caller may want to handle.
 *
 * Programmer mistakes (a wrong type, k = 0) are plain TypeError / RangeError, made in util/check.ts.
 * Everything else is a VecinoError whose `code` says what happened. Match on the code, not on
 * `instanceof`: two copies of the package may be loaded at once.
 */

/** What went wrong, as a stable word. */
export type VecinoErrorCode =
	| 'not-trained'
	| 'corrupt-data'
	| 'unsupported-version'
	| 'unsupported'
	| 'bad-spec'
	| 'dimension-mismatch'
	| 'not-finite'
	| 'not-alike'
	| 'duplicate-id'
	| 'unknown-label'
	| 'out-of-memory'
	| 'disposed'
	| 'busy'
	| 'aborted'
	| 'worker-died'
	| 'storage'
	| 'locked'
	| 'read-only'
	| 'unknown-field'
	| 'embedder';

/** Typed details that may accompany a VecinoError. */
export interface VecinoErrorFields {
	/** Row of the offending vector, counted from 0 in the array or file that was given. */
	readonly row?: number;
	/** What was expected, for mismatches. */
	readonly expected?: number | string;
	/** What was found in its place. */
	readonly found?: number | string;
	/** Character of a factory string where it goes wrong, counted from 0. */
	readonly position?: number;
	/** The valid words nearest to what stands there. */
	readonly nearest?: string;
	/** Byte position in a file, for corrupt data. */
	readonly offset?: number;
	/** Bytes asked for, for memory. */
	readonly requested?: number;
	/** Bytes allowed. */
	readonly limit?: number;
	/** HTTP status of a server's answer. */
	readonly status?: number;
	/** The error behind this one. */
	readonly cause?: unknown;
}

/**
 * The one error class of the library.
 *
 * @example
 * using index = new IndexPQ({ d: 64, m: 8 });
 * try {
 *   index.search(queries, 10);
 * } catch (error) {
 *   if (!isVecinoError(error, 'not-trained')) throw error;
 *   console.log(error.message); // IndexPQ.search: call train first
 * }
 */
export class VecinoError extends Error {
	/** What went wrong. */
	readonly code: VecinoErrorCode;
	/** Row of the offending vector. */
	declare readonly row?: number;
	/** What was expected. */
	declare readonly expected?: number | string;
	/** What was found in its place. */
	declare readonly found?: number | string;
	/** Character of a factory string, counted from 0. */
	declare readonly position?: number;
	/** Valid words near it. */
	declare readonly nearest?: string;
	/** Byte position in a file. */
	declare readonly offset?: number;
	/** Bytes asked for. */
	declare readonly requested?: number;
	/** Bytes allowed. */
	declare readonly limit?: number;
	/** HTTP status of a server's answer. */
	declare readonly status?: number;

	constructor(code: VecinoErrorCode, message: string, fields: VecinoErrorFields = {}) {
		super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
		this.name = 'VecinoError';
		this.code = code;
		const { cause: _cause, ...details } = fields;
		Object.assign(this, details);
	}
}

/**
 * True when `error` is a VecinoError, with one of `codes` if any are given.
 *
 * @example
 * using index = new IndexFlat({ d: 2 });
 * try {
 *   index.add([[1, 2, 3]]);
 * } catch (error) {
 *   if (isVecinoError(error, 'dimension-mismatch')) console.log(error.expected, error.found); // 2 3
 * }
 */
export function isVecinoError(error: unknown, ...codes: VecinoErrorCode[]): error is VecinoError {
	if (!(error instanceof Error) || error.name !== 'VecinoError') return false;
	const code = (error as VecinoError).code;
	return codes.length === 0 || codes.includes(code);
}
