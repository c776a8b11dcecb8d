/**
 * vecino db add, vecino db import: files, or lines from stdin, into a collection.
 */

import { addAbortSignal } from 'node:stream';
import type { Collection, EntriesInput, ImportProgress } from '@vecino/db';
import { type Command, Option } from 'commander';
import { isVecinoError } from 'vecino';
import { type EmbedderOptions, embedderOptions } from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { Interrupted, UsageError } from '../errors.ts';
import { integer } from '../options.ts';
import { count, plural, seconds } from '../output.ts';

interface AddOptions extends EmbedderOptions {
	readonly upsert?: boolean;
	readonly format?: 'jsonl' | 'json' | 'npy' | 'parquet';
	readonly idKey?: string;
	readonly vectorKey?: string;
	readonly textKey?: string;
	readonly metadataKey?: string;
	readonly fields?: readonly string[];
	readonly skip: number;
}

const HELP = `
Files, told apart by what is in them:
  JSON lines   {"id":1,"vector":[...],"text":"...","metadata":{...}} on each line, or
               flat: what is not id, vector, text is metadata. Also read as vector:
               embedding, values; as text: content, document; as id: _id
  JSON         an array of such objects, or a document such as MiniVecDB saves
  Parquet      a column of vectors, id and text; other columns are metadata
  .npy         a folder with vectors.npy and metadata.jsonl, or x.npy beside x.jsonl

Rows with a text and no vector are embedded. Rows are committed as they come, 1000
at a time at most: after a failure or Ctrl-C those before it are in the collection,
and the message says how to go on.

Examples:
  vecino db add news headlines.jsonl --text-key headline
  zcat dump.jsonl.gz | vecino db add news --upsert`;

export function registerDbAdd(program: Command): void {
	addOptions(addCommand(program, 'add <path> [files...]', 'add rows: files, or JSON lines from stdin'));
}

export function registerDbImport(program: Command): void {
	addOptions(addCommand(program, 'import <path> <files...>', 'the same as add, of files'));
}

function addOptions(command: Command): void {
	const [embedder, url] = embedderOptions();
	command
		.option('--upsert', 'replace rows that have the same ids; without it they are an error')
		.addOption(
			new Option('--format <name>', 'format of the files (default: as they look)').choices([
				'jsonl',
				'json',
				'npy',
				'parquet',
			]),
		)
		.option('--id-key <name>', 'key or column of the ids')
		.option('--vector-key <name>', 'key or column of the vectors')
		.option('--text-key <name>', 'key or column of the texts')
		.option('--metadata-key <name>', 'key or column of the metadata')
		.option('--fields <names>', 'metadata to take over: name,name (default: all)', (text) =>
			text.split(',').map((name) => name.trim()),
		)
		.option('--skip <n>', 'pass over the first n entries of the first file', integer(0, Number.MAX_SAFE_INTEGER), 0)
		.addOption(embedder)
		.addOption(url)
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, files: readonly string[], options: AddOptions): Promise<object> {
	const fromStdin = files.length === 0 || files.includes('-');
	if (fromStdin && process.stdin.isTTY) throw new UsageError('give files, or pipe JSON lines into it');
	const { openCollection } = await import('../collections.ts');
	await using collection = await openCollection(path, { ...options, texts: true });
	const start = performance.now();
	const inputs = files.length === 0 ? ['-'] : files;
	const added: { file: string; format: string; rows: number }[] = [];
	for (const [i, file] of inputs.entries()) {
		added.push(await addFile(context, collection, file, i === 0 ? options : { ...options, skip: 0 }));
	}
	const took = (performance.now() - start) / 1000;
	await settle(context, collection);
	context.progress.stop();
	const settled = (performance.now() - start) / 1000 - took;
	const rows = added.reduce((sum, part) => sum + part.rows, 0);
	const total = await collection.count();
	const verb = options.upsert === true ? 'added or replaced' : 'added';
	const pace = rows >= 1000 && took > 0 ? `, ${count(rows / took)} a second` : '';
	const index = settled < 1 ? '' : `, their index in ${seconds(settled)}`;
	context.say(`${verb} ${plural(rows, 'row')} in ${seconds(took)}${pace}${index}; ${path} has ${count(total)}`);
	return { command: 'db add', path, files: added, rows, total, seconds: { add: took, index: settled } };
}

/** Waits for the index: work in the background ends with the program. The rows are safe whatever becomes of it. */
async function settle(context: Context, collection: Collection): Promise<void> {
	const { signal } = context;
	const phase = (): void => {
		void collection.stats().then(
			({ background }) => background !== 'idle' && context.progress.report({ phase: background, done: 0, total: 0 }),
			() => {},
		);
	};
	const timer = setInterval(phase, 200);
	const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
	try {
		await Promise.race([collection.settle(), stopped]);
	} catch (error) {
		context.progress.note(`the rows are in the collection, its index could not be made: ${(error as Error).message}`);
	} finally {
		clearInterval(timer);
	}
	const reason: unknown = signal.reason;
	if (reason instanceof Interrupted) {
		throw new Interrupted(
			reason.signal,
			'all rows are in the collection; vecino db optimize ends the work on its index',
		);
	}
}

async function addFile(
	context: Context,
	collection: Collection,
	file: string,
	options: AddOptions,
): Promise<{ file: string; format: string; rows: number }> {
	const { idKey: id, vectorKey: vector, textKey: text, metadataKey: metadata, fields, skip, format, upsert } = options;
	const name = file === '-' ? 'stdin' : file;
	const input: EntriesInput = file === '-' ? addAbortSignal(context.signal, process.stdin) : file;
	const start = performance.now();
	let safe = skip;
	const onProgress = ({ rows, done, total }: ImportProgress): void => {
		safe = skip + rows;
		const pace = (rows * 1000) / Math.max(1, performance.now() - start);
		context.progress.report({ phase: `add ${name}`, done, total }, `${plural(rows, 'row')}, ${count(pace)}/s`);
	};
	try {
		const imported = await collection.import(input, {
			mode: upsert === true ? 'upsert' : 'add',
			keys: { id, vector, text, metadata },
			fields,
			skip,
			format,
			name,
			signal: context.signal,
			onProgress,
		});
		return { file, ...imported };
	} catch (error) {
		const reason: unknown = context.signal.reason;
		if (isVecinoError(error, 'aborted') && reason instanceof Interrupted) {
			const rest = file === '-' || safe === 0 ? '' : `; --skip ${safe} goes on`;
			throw new Interrupted(reason.signal, `the first ${plural(safe, 'row')} of ${name} are in the collection${rest}`);
		}
		if (error instanceof Error) error.message = error.message.replace(/\(skip: (\d+) goes on\)/, '(--skip $1 goes on)');
		throw error;
	}
}
