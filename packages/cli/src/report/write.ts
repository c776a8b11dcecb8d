/**
 * --html: where the report goes. What makes it is loaded once there is something to write.
 */

import { stat } from 'node:fs/promises';
import { writeFileAtomic } from 'vecino/node';
import type { Context } from '../context.ts';
import { checkOutput } from '../data.ts';
import { UsageError } from '../errors.ts';

/** Refuses, before the work, names that a report cannot have: those of other files above all. */
export async function checkReport(path: string, inputs: readonly string[]): Promise<void> {
	if (!/\.html?$/i.test(path)) throw new UsageError(`--html ${path}: name the report .html`);
	const there = await Promise.all(
		inputs.map((input) =>
			stat(input).then(
				() => true,
				() => false,
			),
		),
	);
	await checkOutput(
		path,
		inputs.filter((_, i) => there[i]),
	);
}

/** Writes the page whole or not at all, after an interruption too, which it tells of; returns what --json says of it. */
export async function writeReport(
	path: string,
	html: string,
	{ signal }: Context,
): Promise<{ readonly path: string; readonly fileBytes: number }> {
	const options = signal.aborted ? {} : { signal };
	const fileBytes = await writeFileAtomic(path, [new TextEncoder().encode(html)], options);
	return { path, fileBytes };
}
