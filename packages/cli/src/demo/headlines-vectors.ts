/**
 * Headlines with embeddings of a real model, from a folder: vectors.npy, metadata.jsonl (headline and genre; `in: 'query'` where
 * one is held out; `row`, its number among those held out or among the others), query.fvecs (those held out) and
 * groundtruth.ivecs (their nearest among the others). What is found is compared with the truth.
 */

import { join } from 'node:path';
import { type Entry, open, readEntries } from '@vecino/db';
import { openVectors, readVectors } from 'vecino/node';
import type { Context } from '../context.ts';
import { checkSameDimension } from '../data.ts';
import { Failure } from '../errors.ts';
import { CELLS, type Found, type NotebookStats, notebookStats } from './headlines.ts';

const K = 10;
/** Queries that are shown, and hits of each. */
const EXAMPLES = 3;
const SHOWN = 3;

export interface HeldOutResult {
	readonly name: string;
	/** Headlines in the collection, numbers of their embeddings, headlines held out. */
	readonly n: number;
	readonly d: number;
	readonly queries: number;
	readonly k: number;
	/** Share of the true k nearest that are found by default, and with recall: 1. */
	readonly recall: number;
	readonly exactRecall: number;
	/** Share of the k nearest that have the genre of the query, and that a random headline would have it. */
	readonly sameGenre: number;
	readonly byChance: number;
	readonly stats: NotebookStats;
	readonly examples: readonly { readonly headline: string; readonly genre: string; readonly hits: readonly Found[] }[];
}

interface Labelled {
	readonly headline: string;
	readonly genre: string;
}

/** What is in a folder. */
export interface HeldOut {
	readonly folder: string;
	/** Headlines to search, whose ids are their row numbers. */
	readonly base: readonly Entry[];
	readonly held: readonly Labelled[];
	/** Layout (held, d). */
	readonly queries: Float32Array;
	readonly d: number;
	/** Ids of the nearest, layout (held, k). */
	readonly truth: { readonly rows: Int32Array; readonly n: number; readonly k: number };
}

/** Reads a folder, and refuses one whose files do not belong together. */
export async function readHeldOut(context: Context, folder: string): Promise<HeldOut> {
	const { base, held } = await readHeadlines(folder, context.signal);
	const { data: queries, n, d } = await readVectors(join(folder, 'query.fvecs'), { signal: context.signal });
	const truth = await readTruth(join(folder, 'groundtruth.ivecs'));
	if (base.length === 0) throw new Failure(`${folder}: there are no headlines in it but those held out`);
	checkSameDimension(join(folder, 'query.fvecs'), d, join(folder, 'vectors.npy'), base[0]!.vector!.length);
	if (n !== held.length || truth.n !== n) {
		throw new Failure(
			`${folder}: ${held.length} headlines are held out, there are ${n} queries and truth for ${truth.n}`,
		);
	}
	return { folder, base, held, queries, d, truth };
}

/** Searches for the headlines that are held out. */
export async function runHeldOut(
	context: Context,
	{ folder, base, held, queries, d, truth }: HeldOut,
): Promise<HeldOutResult> {
	const k = Math.min(K, truth.k);
	const index = base.length >= 30 * CELLS ? `IVF${CELLS},Flat` : 'auto';
	await using collection = await open(':memory:', { dimension: d, index });
	await collection.add(base);
	await collection.optimize({ signal: context.signal });
	let found = 0;
	let foundExactly = 0;
	let same = 0;
	let chance = 0;
	const examples: HeldOutResult['examples'][number][] = [];
	const genres = base.map(({ metadata }) => metadata!['genre'] as string);
	for (const [i, { headline, genre }] of held.entries()) {
		const vector = queries.subarray(i * d, (i + 1) * d);
		const hits = await collection.query({ vector, k });
		const exact = await collection.query({ vector, k, recall: 1 });
		const nearest = new Set(truth.rows.subarray(i * truth.k, i * truth.k + k));
		found += hits.filter(({ id }) => nearest.has(id as number)).length;
		foundExactly += exact.filter(({ id }) => nearest.has(id as number)).length;
		same += hits.filter(({ metadata }) => metadata['genre'] === genre).length;
		chance += genres.filter((other) => other === genre).length / genres.length;
		if (i >= EXAMPLES) continue;
		const shown = hits.slice(0, SHOWN).map(({ id, text, metadata, score }) => {
			return { id, headline: text ?? '', genre: String(metadata['genre']), score };
		});
		examples.push({ headline, genre, hits: shown });
	}
	return {
		name: folder,
		n: base.length,
		d,
		queries: held.length,
		k,
		recall: found / (held.length * k),
		exactRecall: foundExactly / (held.length * k),
		sameGenre: same / (held.length * k),
		byChance: chance / held.length,
		stats: notebookStats(await collection.stats()),
		examples,
	};
}

/** Headlines to search, whose ids are their row numbers, and those held out. */
async function readHeadlines(folder: string, signal: AbortSignal): Promise<{ base: Entry[]; held: Labelled[] }> {
	const base: { row: number; entry: Entry }[] = [];
	const held: { row: number; entry: Labelled }[] = [];
	for await (const { vector, text, metadata = {} } of readEntries(folder, { keys: { text: 'headline' }, signal })) {
		const { in: where, genre, row } = metadata as { in?: unknown; genre?: unknown; row?: unknown };
		if (text === undefined || typeof genre !== 'string') {
			throw new Failure(`${folder}: each line of metadata.jsonl must have a headline and a genre`);
		}
		const rows = where === 'query' ? held : base;
		const at = typeof row === 'number' ? row : rows.length;
		if (where === 'query') held.push({ row: at, entry: { headline: text, genre } });
		else base.push({ row: at, entry: { id: at, vector, text, metadata: { genre } } });
	}
	const inOrder = <T>(rows: { row: number; entry: T }[]): T[] =>
		rows.sort((a, b) => a.row - b.row).map(({ entry }) => entry);
	return { base: inOrder(base), held: inOrder(held) };
}

async function readTruth(path: string): Promise<{ rows: Int32Array; n: number; k: number }> {
	const file = await openVectors(path);
	try {
		return { rows: await file.readInts(0, file.n), n: file.n, k: file.d };
	} finally {
		await file.close();
	}
}
