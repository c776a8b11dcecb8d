/**
 * vecino db delete: rows by their ids, or by their metadata.
 */

import type { Id } from '@vecino/db';
import type { Command } from 'commander';
import { showId, whereOption } from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { count, plural } from '../output.ts';

interface DeleteOptions {
	readonly where?: object;
	readonly dryRun?: boolean;
}

/** Ids that are named. */
const SHOWN = 10;

const HELP = `
Ids that are not there are passed over. --where '{}' is every row.

Examples:
  vecino db delete news 12 13
  vecino db delete news --where '{"year":{"$lt":2000}}' --dry-run`;

export function registerDbDelete(program: Command): void {
	addCommand(program, 'delete <path> [ids...]', 'delete rows by their ids or metadata')
		.addOption(whereOption('delete the rows with such metadata'))
		.option('--dry-run', 'say what would be deleted, and delete nothing')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, texts: readonly string[], options: DeleteOptions): Promise<object> {
	const { where, dryRun = false } = options;
	if (texts.length > 0 === (where !== undefined)) throw new UsageError('give ids or --where');
	const { findId, openCollection } = await import('../collections.ts');
	await using collection = await openCollection(path, { readOnly: dryRun });
	const condition = where as Parameters<typeof collection.deleteWhere>[0] | undefined;
	let ids: Id[] = [];
	let rows: number;
	if (condition === undefined) {
		for (const text of new Set(texts)) {
			const id = await findId(collection, text);
			if (await collection.has(id)) ids.push(id);
		}
		rows = dryRun ? ids.length : await collection.delete(ids);
	} else if (dryRun) {
		ids = (await collection.list({ where: condition, limit: SHOWN, include: [] })).map(({ id }) => id);
		rows = await collection.count(condition);
	} else {
		rows = await collection.deleteWhere(condition, { signal: context.signal });
	}
	const total = await collection.count();
	const more = rows > SHOWN ? ', ...' : '';
	const which = ids.length === 0 ? '' : `: ${ids.slice(0, SHOWN).map(showId).join(', ')}${more}`;
	if (dryRun) context.say(`would delete ${plural(rows, 'row')} of ${count(total)}${which}`);
	else context.say(`deleted ${plural(rows, 'row')}; ${path} has ${count(total)}`);
	return { command: 'db delete', path, dryRun, rows, total };
}
