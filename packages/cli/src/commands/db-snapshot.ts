/**
 * vecino db snapshot, vecino db restore: a collection as of one moment, in another folder.
 */

import type { CopyReport } from '@vecino/db';
import type { Command } from 'commander';
import { addCommand, type Context, withContext } from '../context.ts';
import { bytes, plural } from '../output.ts';

const SNAPSHOT_HELP = `
The folder is a collection itself. Index files are linked, not copied, where the file
system can. Others may write meanwhile.

Example:
  vecino db snapshot news backup/news-monday`;

const RESTORE_HELP = `
The copy shares nothing with the snapshot, which stays as it is.

Example:
  vecino db restore backup/news-monday news-again`;

export function registerDbSnapshot(program: Command): void {
	addCommand(program, 'snapshot <path> <folder>', 'copy a collection, as of now, into a new folder')
		.addHelpText('after', SNAPSHOT_HELP)
		.action(withContext(runSnapshot));
}

export function registerDbRestore(program: Command): void {
	addCommand(program, 'restore <snapshot> <path>', 'make a collection of a snapshot')
		.addHelpText('after', RESTORE_HELP)
		.action(withContext(runRestore));
}

async function runSnapshot(context: Context, path: string, folder: string): Promise<object> {
	const { openCollection } = await import('../collections.ts');
	await using collection = await openCollection(path, { readOnly: true });
	const report = await collection.snapshot(folder, { signal: context.signal });
	context.say(render(report));
	return { command: 'db snapshot', from: path, ...report };
}

async function runRestore(context: Context, snapshot: string, path: string): Promise<object> {
	const { inspect } = await import('../collections.ts');
	const { restore } = await import('@vecino/db');
	inspect(snapshot);
	const report = await restore(snapshot, path, { signal: context.signal });
	context.say(render(report));
	return { command: 'db restore', from: snapshot, ...report };
}

function render({ path, rows, bytes: size, linked, copied }: CopyReport): string {
	const files = linked + copied === 0 ? '' : `, ${plural(linked, 'index file')} linked, ${copied} copied`;
	return `made ${path}: ${plural(rows, 'row')}, ${bytes(size)}${files}`;
}
