/**
 * vecino db query: the nearest rows of a text, a vector or a row.
 */

import { existsSync, readFileSync } from 'node:fs';
import type { Hit, Query } from '@vecino/db';
import type { Command } from 'commander';
import { openVectors } from 'vecino/node';
import {
	cut,
	type EmbedderOptions,
	embedderOptions,
	showId,
	showMetadata,
	whereOption,
} from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { Failure, UsageError } from '../errors.ts';
import { integer, kOption, number } from '../options.ts';
import { millis, plural, table } from '../output.ts';

interface QueryOptions extends EmbedderOptions {
	readonly vector?: string;
	readonly id?: string;
	readonly k: number;
	readonly where?: object;
	readonly hybrid?: boolean;
	readonly recall?: number;
	readonly nprobe?: number;
}

const HELP = `
What is searched for: a text, --vector (a JSON array, or a file: .json, or the first
row of .npy or .fvecs), or --id, the row whose neighbours are wanted.

Scores: higher is better. cosine: the similarity, -1 to 1. l2: 1 / (1 + squared
distance). ip: the inner product. --hybrid: words and vectors together, 0 to 1.

Filters: {"year":2020}, {"year":{"$gte":2020}}, {"tags":{"$contains":"a"}},
{"$or":[{...},{...}]}; also $ne $gt $lt $lte $in $nin $exists $prefix $and $not.

Examples:
  vecino db query news "who won the marathon" -k 5
  vecino db query news --vector '[0.1,0.2,0.3]' --where '{"year":{"$gte":2020}}'
  vecino db query news --id 12 --json`;

export function registerDbQuery(program: Command): void {
	const [embedder, url] = embedderOptions();
	addCommand(program, 'query <path> [text]', 'find the nearest rows of a text, a vector or a row')
		.option('--vector <json|file>', 'search with a vector')
		.option('--id <id>', 'search with the vector of a row')
		.addOption(kOption())
		.addOption(whereOption())
		.option('--hybrid', 'rank by words as well as by vectors')
		.option('--recall <share>', 'share of the true neighbours to be found; 1 searches everything', number(0, 1))
		.option('--nprobe <n>', 'cells opened, in place of --recall', integer(1, 2 ** 24))
		.addOption(embedder)
		.addOption(url)
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, text: string | undefined, options: QueryOptions): Promise<object> {
	const given = [text, options.vector, options.id].filter((value) => value !== undefined);
	if (given.length !== 1) throw new UsageError('give one of a text, --vector and --id');
	if (options.hybrid === true && text === undefined) throw new UsageError('--hybrid needs a text');
	const vector = options.vector === undefined ? undefined : await readVector(options.vector);
	const { findId, openCollection } = await import('../collections.ts');
	await using collection = await openCollection(path, { ...options, readOnly: true, texts: text !== undefined });
	const { k, where, recall, nprobe, hybrid } = options;
	const query: Query = {
		k,
		...(text !== undefined && { text }),
		...(vector !== undefined && { vector }),
		...(options.id !== undefined && { id: await findId(collection, options.id) }),
		...(where !== undefined && { where: where as NonNullable<Query['where']> }),
		...(recall !== undefined && { recall }),
		...(nprobe !== undefined && { nprobe }),
		...(hybrid === true && { hybrid }),
		signal: context.signal,
	};
	const start = performance.now();
	const hits = await collection.query(query);
	const ms = performance.now() - start;
	context.say(
		hits.length === 0 ? 'nothing found' : `${renderHits(hits)}\n\n${plural(hits.length, 'hit')} in ${millis(ms)} ms`,
	);
	return { command: 'db query', path, k, ms, hits: hits.map(toJson) };
}

/** Hits as a table. */
export function renderHits(hits: readonly Hit[]): string {
	const rows = hits.map(({ id, score, text, metadata }) => [
		score.toFixed(4),
		cut(showId(id), 36),
		[text === undefined ? '' : cut(text, 70), showMetadata(metadata, text === undefined ? 90 : 40)]
			.filter((part) => part !== '')
			.join('  '),
	]);
	return table(['score', 'id', ''], rows, 3);
}

/** NaN, where only the words were found, is null in JSON. */
function toJson({ id, score, distance, text, metadata }: Hit): object {
	return { id, score, distance: Number.isNaN(distance) ? null : distance, text, metadata };
}

async function readVector(text: string): Promise<ArrayLike<number>> {
	if (existsSync(text) && !/\.json$/i.test(text)) {
		await using file = await openVectors(text);
		if (file.n === 0) throw new Failure(`${text}: there are no vectors in it`);
		return file.read(0, 1);
	}
	const json = existsSync(text) ? readFileSync(text, 'utf8') : text;
	try {
		const value: unknown = JSON.parse(json);
		if (Array.isArray(value) && value.every((x) => typeof x === 'number')) return value as number[];
	} catch {
		// Told below.
	}
	throw new UsageError('--vector must be a JSON array of numbers, or a file: .json, .npy, .fvecs');
}
