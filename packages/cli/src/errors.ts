/**
 * What went wrong, in one line and one exit code: 1 for a failure, 2 for wrong usage, 130 for Ctrl-C.
 */

import { CommanderError } from 'commander';
import { isVecinoError } from 'vecino';

export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** The command line asks for something that cannot be: exit code 2. */
export class UsageError extends Error {
	override readonly name: string = 'UsageError';
}

/** The command line is fine, the world is not: exit code 1. */
export class Failure extends Error {
	override readonly name: string = 'Failure';
}

/** The reason that a signal gives an AbortController. */
export class Interrupted extends Error {
	override readonly name: string = 'Interrupted';
	/** 128 + the number of the signal, as shells do. */
	readonly exitCode: number;
	readonly signal: 'SIGINT' | 'SIGTERM';

	constructor(signal: 'SIGINT' | 'SIGTERM', what = 'nothing was written') {
		super(`interrupted; ${what}`);
		this.signal = signal;
		this.exitCode = signal === 'SIGINT' ? 130 : 143;
	}
}

/** Exit code and line for stderr; no line where commander has printed already. */
export function explain(error: unknown): { exitCode: number; line?: string } {
	if (error instanceof CommanderError) return { exitCode: error.exitCode === 0 ? 0 : EXIT_USAGE };
	if (error instanceof UsageError) return { exitCode: EXIT_USAGE, line: oneLine(error.message) };
	if (error instanceof Interrupted) return { exitCode: error.exitCode, line: error.message };
	if (isVecinoError(error, 'aborted')) {
		return error.cause instanceof Interrupted ? explain(error.cause) : { exitCode: EXIT_FAILURE, line: error.message };
	}
	if (isVecinoError(error, 'out-of-memory')) {
		return { exitCode: EXIT_FAILURE, line: oneLine(`${error.message} (--limit takes fewer vectors)`) };
	}
	if (error instanceof Failure || isVecinoError(error)) {
		return { exitCode: EXIT_FAILURE, line: oneLine(error.message) };
	}
	const message = error instanceof Error ? error.message : String(error);
	return { exitCode: EXIT_FAILURE, line: oneLine(`unexpected: ${message} (--debug shows where)`) };
}

export function oneLine(text: string): string {
	return text.trim().replace(/\s*\n\s*/g, ' ');
}
