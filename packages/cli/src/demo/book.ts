/**
 * The worked demo of the book that vecino began with: exact search, cells, product quantization and both, on
 * 10,000 points in 40 clusters, beside the numbers printed there. The data are another draw of the same recipe.
 */

import {
	emptySearchStats,
	type Index,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexPQ,
	IndexRefine,
	type RefineSearchParams,
	recallAtK,
	type SearchResult,
	type VectorSet,
} from 'vecino';
import type { Context } from '../context.ts';
import { exactTruth } from '../measure.ts';
import { bytes, count, percent, recall, table } from '../output.ts';
import { BOOK, clustered, queriesNear } from '../synthetic.ts';

const K = 10;
const QUERIES = 100;
const RERANK = 100;
const NLIST = 128;
/** Queries are points moved a little, so that their nearest neighbour is close, as in the book. */
const QUERY_NOISE = 0.5;

/** The recalls the book prints: raw, and re-ranked where it re-ranks. */
const PRINTED: Readonly<Record<string, readonly [raw: number, reranked?: number]>> = {
	'IVF nprobe 1': [0.657],
	'IVF nprobe 4': [0.994],
	'IVF nprobe 8': [1],
	'IVF nprobe 16': [1],
	'PQ m 8': [0.292, 0.843],
	'PQ m 16': [0.386, 0.938],
	'IVFPQ nprobe 8': [0.741, 1],
	'IVFPQ nprobe 16': [0.741, 1],
};

export interface BookRow {
	/** 'IVF nprobe 4', 'PQ m 8', ... */
	readonly name: string;
	readonly recall: number;
	readonly reranked: number | null;
	readonly book: { readonly recall: number; readonly reranked: number | null };
	/** Vectors whose distance was computed, per query, and their share. */
	readonly scanned: number;
	readonly share: number;
	/** Of vectors or codes alone, and of all that the index keeps in memory. */
	readonly codeBytes: number;
	readonly residentBytes: number;
}

export interface BookResult {
	readonly n: number;
	readonly d: number;
	readonly clusters: number;
	readonly queries: number;
	readonly k: number;
	readonly float32Bytes: number;
	readonly rows: readonly BookRow[];
}

export async function runBook(context: Context, seed: number): Promise<BookResult> {
	const { n, d, clusters } = BOOK;
	const x = clustered(BOOK, seed);
	const queries = queriesNear(x, QUERIES, QUERY_NOISE, seed + 1);
	const { truth } = await exactTruth(context, x, queries, K, 'l2');
	const rows: BookRow[] = [];
	const measure = async (name: string, index: Index, codeBytes: number, nprobe?: number): Promise<void> => {
		rows.push(await measureRow(context, { name, index, codeBytes, nprobe }, queries, truth));
	};
	{
		using ivf = new IndexIVFFlat({ d, nlist: NLIST });
		await fill(context, 'IVF', ivf, x, seed);
		for (const nprobe of [1, 4, 8, 16]) await measure(`IVF nprobe ${nprobe}`, ivf, n * ivf.codeSize, nprobe);
	}
	for (const m of [8, 16]) {
		using index = new IndexRefine({ base: new IndexPQ({ d, m }), kFactor: RERANK / K });
		await fill(context, `PQ m ${m}`, index, x, seed);
		await measure(`PQ m ${m}`, index, n * m);
	}
	{
		const m = 16;
		using index = new IndexRefine({ base: new IndexIVFPQ({ d, nlist: NLIST, m }), kFactor: RERANK / K });
		await fill(context, 'IVFPQ', index, x, seed);
		for (const nprobe of [8, 16]) await measure(`IVFPQ nprobe ${nprobe}`, index, n * m, nprobe);
	}
	return { n, d, clusters, queries: QUERIES, k: K, float32Bytes: x.data.byteLength, rows };
}

async function fill(context: Context, name: string, index: Index, x: VectorSet, seed: number): Promise<void> {
	context.progress.prefix = name;
	await index.trainAsync(x, { seed, ...context.run });
	await index.addAsync(x, context.run);
	context.progress.prefix = '';
}

interface Subject {
	readonly name: string;
	readonly index: Index;
	readonly codeBytes: number;
	readonly nprobe: number | undefined;
}

async function measureRow(
	context: Context,
	{ name, index, codeBytes, nprobe }: Subject,
	queries: VectorSet,
	truth: SearchResult,
): Promise<BookRow> {
	const base = index instanceof IndexRefine ? index.base : index;
	const stats = emptySearchStats();
	const params: RefineSearchParams = { ...(nprobe !== undefined && { nprobe }), ...context.run };
	const raw = await base.searchAsync(queries, K, { ...params, stats });
	const reranked = base === index ? undefined : await index.searchAsync(queries, K, params);
	const [bookRaw, bookReranked = null] = PRINTED[name]!;
	const scanned = stats.ndis / stats.nq;
	return {
		name,
		recall: recallAtK(raw, truth),
		reranked: reranked === undefined ? null : recallAtK(reranked, truth),
		book: { recall: bookRaw, reranked: bookReranked },
		scanned,
		share: scanned / index.ntotal,
		codeBytes,
		residentBytes: base.byteLength,
	};
}

export function renderBook({ n, d, clusters, queries, k, float32Bytes, rows }: BookResult): string {
	const orBlank = (value: number | null): string => (value === null ? '' : recall(value));
	const head = ['', `recall@${k}`, 'book', 're-ranked', 'book', 'scanned', 'of all', 'codes', 'in memory'];
	const body = rows.map((row) => [
		row.name,
		recall(row.recall),
		recall(row.book.recall),
		orBlank(row.reranked),
		orBlank(row.book.reranked),
		count(row.scanned),
		percent(row.share),
		bytes(row.codeBytes),
		bytes(row.residentBytes),
	]);
	return `${count(n)} points in ${clusters} clusters, ${d} dimensions (${bytes(float32Bytes)} as float32); ${queries} queries,
the ${k} nearest of each. IVF splits the points into ${NLIST} cells and opens the nprobe
nearest. PQ cuts a vector into m pieces and keeps one byte for each. IVFPQ does both,
with m 16. Re-ranked: ${RERANK} candidates put in exact order. Book: the numbers printed there.

${table(head, body)}`;
}
