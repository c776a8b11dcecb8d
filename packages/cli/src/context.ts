/**
 * What every command gets: where to print, how to report progress, and the signal that Ctrl-C fires.
 *
 * A command prints for people through `say` and returns its report, an object. With --json nothing is said and
 * the report is printed instead: one JSON document on stdout. Progress and errors go to stderr.
 */

import type { Command } from 'commander';
import { Interrupted } from './errors.ts';
import { ProgressLine } from './progress.ts';

export interface Context {
	readonly json: boolean;
	readonly signal: AbortSignal;
	readonly progress: ProgressLine;
	/** What the engine and the files take: `{ signal, onProgress }`. */
	readonly run: { readonly signal: AbortSignal; readonly onProgress: ProgressLine['report'] };
	/** Prints a line or more to stdout; with --json, nothing. */
	say(text?: string): void;
	/** Lets the event loop turn, so that Ctrl-C is heard; throws once it was. */
	breathe(): Promise<void>;
}

/** Options that every command has. */
export interface CommonOptions {
	readonly json?: boolean;
	readonly debug?: boolean;
}

/** Adds a command with the options common to all. */
export function addCommand(program: Command, usage: string, description: string): Command {
	return program
		.command(usage)
		.description(description)
		.option('--json', 'print one JSON document instead of text')
		.option('--debug', 'show the stack of an error');
}

/** An action that runs `body` in a context. The last but one argument that commander gives is the options. */
export function withContext<A extends unknown[]>(
	body: (context: Context, ...args: A) => Promise<object>,
): (...args: unknown[]) => Promise<void> {
	return async (...args) => {
		const options = args.at(-2) as CommonOptions;
		const controller = new AbortController();
		const progress = new ProgressLine(process.stderr);
		const interrupt = (name: 'SIGINT' | 'SIGTERM'): void => {
			if (controller.signal.aborted) process.exit(new Interrupted(name).exitCode);
			controller.abort(new Interrupted(name));
		};
		process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
		try {
			const context = makeContext(options.json === true, controller.signal, progress);
			const report = await body(context, ...(args.slice(0, -1) as A));
			progress.stop();
			if (options.json === true) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
		} finally {
			progress.stop();
			process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
		}
	};
}

function makeContext(json: boolean, signal: AbortSignal, progress: ProgressLine): Context {
	return {
		json,
		signal,
		progress,
		run: { signal, onProgress: progress.report },
		say(text = '') {
			if (json) return;
			progress.stop();
			process.stdout.write(`${text}\n`);
		},
		async breathe() {
			await new Promise((resolve) => setImmediate(resolve));
			signal.throwIfAborted();
		},
	};
}
