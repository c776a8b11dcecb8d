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
	| 'storage';

/** Typed details that may accompany a VecinoError. */
export interface VecinoErrorFields {
	/** Row of the offending vector, counted from 0 in the array or file that was given. */
	readonly row?: number;
	/** What was expected and what was found, for mismatches. */
	readonly expected?: number | string;
	readonly found?: number | string;
	/** Byte position in a file, for corrupt data. */
	readonly offset?: number;
	/** Bytes asked for and bytes allowed, for memory. */
	readonly requested?: number;
	readonly limit?: number;
	readonly cause?: unknown;
}

/**
 * The one error class of the library.
 *
 * @example
 * try { index.search(query, 10); } catch (error) {
 *   if (isVecinoError(error, 'not-trained')) index.train(vectors);
 *   else throw error;
 * }
 */
export class VecinoError extends Error {
	readonly code: VecinoErrorCode;
	declare readonly row?: number;
	declare readonly expected?: number | string;
	declare readonly found?: number | string;
	declare readonly offset?: number;
	declare readonly requested?: number;
	declare readonly limit?: number;

	constructor(code: VecinoErrorCode, message: string, fields: VecinoErrorFields = {}) {
		super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
		this.name = 'VecinoError';
		this.code = code;
		const { cause: _cause, ...details } = fields;
		Object.assign(this, details);
	}
}

/** True when `error` is a VecinoError, with one of `codes` if any are given. */
export function isVecinoError(error: unknown, ...codes: VecinoErrorCode[]): error is VecinoError {
	if (!(error instanceof Error) || error.name !== 'VecinoError') return false;
	const code = (error as VecinoError).code;
	return codes.length === 0 || codes.includes(code);
}
