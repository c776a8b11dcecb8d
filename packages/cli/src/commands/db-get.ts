/**
 * vecino db get: rows by their ids.
 */

import type { Id, Row } from '@vecino/db';
import type { Command } from 'commander';
import { cut, showId } from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { Failure } from '../errors.ts';

interface GetOptions {
	readonly vector?: boolean;
}

const HELP = `
Rows that are not there are named on stderr, and the exit code is then 1.

Example:
  vecino db get news 12 '"a text id"' --vector`;

export function registerDbGet(program: Command): void {
	addCommand(program, 'get <path> <ids...>', 'show rows by their ids')
		.option('--vector', 'their vectors as well')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, ids: readonly string[], options: GetOptions): Promise<object> {
	const { findId, openCollection } = await import('../collections.ts');
	await using collection = await openCollection(path, { readOnly: true });
	const rows: Row[] = [];
	const missing: Id[] = [];
	for (const text of ids) {
		const id = await findId(collection, text);
		const include = options.vector === true ? (['metadata', 'text', 'vector'] as const) : undefined;
		const row = await collection.get(id, include === undefined ? {} : { include });
		if (row === undefined) missing.push(id);
		else rows.push(row);
	}
	for (const row of rows) context.say(render(row));
	const report = {
		command: 'db get',
		path,
		rows: rows.map((row) => ({ ...row, ...(row.vector && { vector: [...row.vector] }) })),
		missing,
	};
	if (missing.length === 0) return report;
	if (context.json) process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
	throw new Failure(`there is no row with the id ${missing.map(showId).join(', ')}`);
}

function render({ id, text, metadata, vector }: Row): string {
	const lines = [showId(id)];
	if (text !== undefined) lines.push(`  text      ${cut(text, 400)}`);
	if (Object.keys(metadata).length > 0) lines.push(`  metadata  ${JSON.stringify(metadata)}`);
	if (vector !== undefined) lines.push(`  vector    ${[...vector].join(' ')}`);
	return lines.join('\n');
}
