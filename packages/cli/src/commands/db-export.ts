/**
 * vecino db export: a collection, or some of its rows, into a file.
 */

import { type Command, Option } from 'commander';
import { whereOption } from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { bytes, plural } from '../output.ts';

interface ExportCommandOptions {
	readonly format?: 'jsonl' | 'npy' | 'parquet';
	readonly where?: object;
	readonly vectors: boolean;
}

const HELP = `
By the name of the output: .jsonl (JSON lines), .parquet, or a folder, which gets
vectors.npy and metadata.jsonl. The rows are those of one moment, also while other
programs write. What is exported is read by vecino db import.

Examples:
  vecino db export news news.jsonl
  vecino db export news sports.parquet --where '{"genre":"Sports"}'`;

export function registerDbExport(program: Command): void {
	addCommand(program, 'export <path> <output>', 'write the rows to .jsonl, .parquet, or a folder with .npy')
		.addOption(new Option('--format <name>', 'format (default: by the name)').choices(['jsonl', 'npy', 'parquet']))
		.addOption(whereOption())
		.option('--no-vectors', 'leave the vectors out')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, output: string, options: ExportCommandOptions): Promise<object> {
	const { format, where, vectors } = options;
	const { openCollection } = await import('../collections.ts');
	await using collection = await openCollection(path, { readOnly: true });
	const written = await collection.export(output, {
		format,
		where: where as NonNullable<Parameters<typeof collection.export>[1]>['where'],
		...(!vectors && { include: ['metadata', 'text'] }),
		...context.run,
	});
	context.say(`${written.paths.join(', ')}: ${plural(written.rows, 'row')}, ${bytes(written.byteLength)}`);
	return { command: 'db export', path, output, ...written };
}
