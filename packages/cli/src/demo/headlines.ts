/**
 * Headlines with genres as a collection, step by step: texts become vectors, vectors get cells, and rows come and go. What a
 * notebook on a small vector database shows, with what it leaves out: words beside meaning, filters, and deletions that last.
 */

import { type Collection, type CollectionStats, HEADLINES, type Hit, type Id, offlineEmbedder, open } from '@vecino/db';
import type { Context } from '../context.ts';

/** Cells that are asked for, though so few rows need none. */
export const CELLS = 10;
const DIMENSION = 256;
const K = 5;

/** A sentence about a thing that many of the headlines are about, in words of its own. */
const MARATHON = 'Local runner claims marathon victory and breaks the course record';

const NEWS = [
	{
		headline: 'Shares jump as markets recover from last week',
		genre: 'Business',
		ask: 'stock markets rebound, shares jump',
	},
	{
		headline: 'Shortstop weeks away from return after knee surgery',
		genre: 'Sports',
		ask: 'player recovers from knee surgery',
	},
	{
		headline: 'Film star makes stage debut as veteran news anchor',
		genre: 'Entertainment',
		ask: 'film actor debuts on stage',
	},
] as const;

/** What a hit says of a headline. */
export interface Found {
	readonly id: Id;
	readonly headline: string;
	readonly genre: string;
	readonly score: number;
}

/** Statistics by the names that the notebook prints. */
export interface NotebookStats {
	readonly n_vectors: number;
	readonly n_clusters: number;
	readonly avg_cluster_size: number;
	readonly min_cluster_size: number;
	readonly max_cluster_size: number;
	readonly empty_clusters: number;
	readonly nprobe: number;
}

export interface HeadlinesResult {
	readonly headlines: number;
	readonly genres: readonly string[];
	readonly dimension: number;
	readonly index: string;
	readonly stats: NotebookStats;
	readonly query: { readonly text: string; readonly hits: readonly Found[] };
	/** The rows that were added, what they were searched with, and what was found first. */
	readonly added: readonly { readonly headline: string; readonly ask: string; readonly first: Found }[];
	/** After they were added: no cell was made anew. */
	readonly statsAfterAdding: NotebookStats;
	/** Rows searched exactly until they are put into cells. */
	readonly delta: number;
	readonly filtered: { readonly genre: string; readonly hits: readonly Found[] };
	readonly hybrid: {
		readonly text: string;
		readonly vectorsOnly: readonly Found[];
		readonly withWords: readonly Found[];
	};
	readonly deleted: DeletedResult;
	readonly reopened: { readonly rows: number; readonly sameHits: boolean };
}

/** A row that was deleted, and everywhere it was looked for afterwards. */
export interface DeletedResult {
	readonly id: Id;
	readonly headline: string;
	/** Among how many hits, all rows, it was looked for. */
	readonly lookedAmong: number;
	readonly byQuery: boolean;
	readonly byHybrid: boolean;
	readonly byGet: boolean;
	readonly byList: boolean;
	/** By query and get when the collection was closed and opened again. */
	readonly afterReopening: boolean;
}

type Headlines = Collection<{ readonly genre: 'string' }>;

/** Runs all of it in a folder that is empty or not there. */
export async function runHeadlines(context: Context, folder: string): Promise<HeadlinesResult> {
	const make = (): Promise<Headlines> =>
		open(folder, {
			embedder: offlineEmbedder({ dimension: DIMENSION }),
			index: `IVF${CELLS},Flat`,
			schema: { genre: 'string' },
		});
	const progress = (phase: string): void => context.progress.report({ phase, done: 0, total: 0 });
	let collection = await make();
	try {
		progress('add headlines');
		await collection.add(HEADLINES.map(({ headline, genre }, id) => ({ id, text: headline, metadata: { genre } })));
		progress('make cells');
		await collection.optimize({ signal: context.signal });
		const full = await collection.stats();
		const query = { text: MARATHON, hits: await find(collection, MARATHON) };

		const added = await addNews(collection);
		const after = await collection.stats();
		const filtered = {
			genre: 'Politics',
			hits: await find(collection, 'marathon', { where: { genre: 'Politics' }, k: 3 }),
		};
		const hybrid = await compareHybrid(collection);

		const gone = query.hits[0]!;
		await collection.delete(gone.id);
		const deleted = await lookFor(collection, gone);
		const before = await find(collection, MARATHON);
		await collection.close();

		progress('open again');
		collection = await make();
		const again = await lookFor(collection, gone);
		const hits = await find(collection, MARATHON);
		return {
			headlines: HEADLINES.length,
			genres: [...new Set(HEADLINES.map(({ genre }) => genre))],
			dimension: DIMENSION,
			index: full.index,
			stats: notebookStats(full),
			query,
			added,
			statsAfterAdding: notebookStats(after),
			delta: after.delta,
			filtered,
			hybrid,
			deleted: { ...deleted, afterReopening: again.byQuery || again.byHybrid || again.byGet || again.byList },
			reopened: {
				rows: await collection.count(),
				sameHits: JSON.stringify(hits) === JSON.stringify(before),
			},
		};
	} finally {
		await collection.close();
	}
}

async function addNews(collection: Headlines): Promise<HeadlinesResult['added']> {
	const added: { headline: string; ask: string; first: Found }[] = [];
	await collection.add(
		NEWS.map(({ headline, genre }, i) => ({ id: HEADLINES.length + i, text: headline, metadata: { genre } })),
	);
	for (const { headline, ask } of NEWS) {
		const [first] = await find(collection, ask, { k: 1 });
		added.push({ headline, ask, first: first! });
	}
	return added;
}

/** A word that stands in one headline only; by spelling it is also in party, start and heart. */
async function compareHybrid(collection: Headlines): Promise<HeadlinesResult['hybrid']> {
	const text = 'art';
	return {
		text,
		vectorsOnly: await find(collection, text, { k: 3 }),
		withWords: await find(collection, text, { k: 3, hybrid: true }),
	};
}

/** Looks for a row in every way there is. */
async function lookFor(collection: Headlines, { id, headline }: Found): Promise<Omit<DeletedResult, 'afterReopening'>> {
	const all = { text: headline, k: HEADLINES.length + NEWS.length, recall: 1 };
	const near = await collection.query(all);
	const words = await collection.query({ ...all, hybrid: true });
	const listed = await collection.list({ limit: all.k, include: [] });
	const isIt = (row: { readonly id: Id }): boolean => row.id === id;
	return {
		id,
		headline,
		lookedAmong: near.length,
		byQuery: near.some(isIt),
		byHybrid: words.some(isIt),
		byGet: (await collection.get(id)) !== undefined,
		byList: listed.some(isIt),
	};
}

interface FindOptions {
	readonly k?: number;
	readonly where?: { readonly genre: string };
	readonly hybrid?: boolean;
}

async function find(collection: Headlines, text: string, options: FindOptions = {}): Promise<Found[]> {
	return (await collection.query({ k: K, ...options, text })).map(toFound);
}

function toFound({ id, text, metadata, score }: Hit<{ readonly genre?: string | null }>): Found {
	return { id, headline: text ?? '', genre: metadata.genre ?? '', score };
}

/** Statistics under the names of the document. */
export function notebookStats({ vectors, clusters, nprobe }: CollectionStats): NotebookStats {
	return {
		n_vectors: vectors,
		n_clusters: clusters.n,
		avg_cluster_size: clusters.mean,
		min_cluster_size: clusters.min,
		max_cluster_size: clusters.max,
		empty_clusters: clusters.empty,
		nprobe,
	};
}
