/**
 * What a report says of where and how its numbers came about.
 */

import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { defaultEngine } from 'vecino';
import { shellQuote } from './escape.ts';

/** The machine and the programs, as lines. */
export function machineFacts(date: Date = new Date()): [name: string, value: string][] {
	const model = cpus()[0]?.model.trim().replace(/\s+/g, ' ') || 'unknown processor';
	const cores = availableParallelism();
	const { threads } = defaultEngine();
	return [
		['machine', `${model}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${platform()} ${arch()}`],
		[
			'programs',
			`Node ${process.versions.node}, vecino ${version()}; built on ${threads} ${threads === 1 ? 'thread' : 'threads'}, searched on one`,
		],
		['date', `${date.toISOString().slice(0, 16).replace('T', ' ')} UTC`],
	];
}

export function version(): string {
	return (createRequire(import.meta.url)('../../package.json') as { version: string }).version;
}

/** The words of the command that is running, for a shell. */
export function commandLine(args: readonly string[] = process.argv.slice(2)): string[] {
	return ['vecino', ...args].map(shellQuote);
}
