/**
 * What `vecino demo headlines` prints: numbers and hits with short sentences between them.
 */

import { facts, indent, plural, table } from '../output.ts';
import type { Found, HeadlinesResult, NotebookStats } from './headlines.ts';
import type { HeldOutResult } from './headlines-vectors.ts';

export function renderHeadlines(result: HeadlinesResult): string {
	const { headlines, genres, dimension, index, stats, query, added, filtered, hybrid, deleted, reopened } = result;
	const n = stats.n_clusters;
	return `${heading(1, 'texts become vectors')}
${headlines} headlines in ${genres.length} genres, ${dimension} numbers each. The embedder is the offline one: hashed runs
of characters and the words that go together in these very headlines. It needs no model and
no key; it knows spelling and topics, not meaning.

${heading(2, 'vectors get cells')}
So few vectors are best searched one by one. Cells are asked for here all the same (${index}):
k-means puts every vector into the nearest of ${n} cells, and a query opens nprobe of them.
nprobe was measured on these vectors, so that 95 % of the true neighbours are found.

${indent(renderStats(stats))}

${heading(3, 'the nearest headlines')}
Query: "${query.text}"

${indent(renderFound(query.hits))}

${heading(4, 'three more, found at once')}
New rows are committed to disk and searched exactly until there are enough to be put into
cells. Nothing was built again: ${plural(result.statsAfterAdding.n_vectors, 'vector')} now, ${result.delta} of them outside of the ${n} cells.

${indent(
	table(
		['query', 'found first', 'score'],
		added.map(({ ask, first }) => [ask, first.headline, first.score.toFixed(3)]),
		2,
	),
)}

${heading(5, 'only one genre')}
A filter is applied before the search, not to its results: as many hits as are asked for,
if there are so many. "marathon" where genre is ${filtered.genre}:

${indent(renderFound(filtered.hits))}

${heading(6, 'words beside vectors')}
Hybrid search ranks by vectors and by the words of the texts (BM25), and joins both ranks;
its scores say where a row stands in both. By spelling, "art" is also in party and heart;
as a word it stands in one headline.
Query: "${hybrid.text}"

${indent(renderFound(hybrid.vectorsOnly, 'by vectors'))}

${indent(renderFound(hybrid.withWords, 'hybrid'))}

${heading(7, 'deleted is gone')}
Deleted: "${deleted.headline}" (id ${deleted.id})

${indent(
	facts([
		[`query for its own text, all ${deleted.lookedAmong} hits`, said(deleted.byQuery)],
		['the same with words', said(deleted.byHybrid)],
		['get', said(deleted.byGet)],
		['list', said(deleted.byList)],
		['all of these after closing and opening again', said(deleted.afterReopening)],
	]),
)}

${heading(8, 'saved all along')}
Every write was on disk when it returned. Closed and opened again: ${plural(reopened.rows, 'row')}, and the first
query finds ${reopened.sameHits ? 'the same headlines with the same scores' : 'other headlines, which is a mistake'}.`;
}

export function renderHeldOut(result: HeldOutResult): string {
	const { name, n, d, queries, k, recall, exactRecall, sameGenre, byChance, stats, examples } = result;
	const shown = examples.map(({ headline, genre, hits }) => `"${headline}" (${genre})\n\n${indent(renderFound(hits))}`);
	return `${heading(9, 'embeddings of a model')}
${name}: ${n} headlines with embeddings of ${d} numbers, ${queries} others held out as queries.

${indent(renderStats(stats))}

Nearest to headlines that are not in the collection:

${shown.join('\n\n')}

recall@${k}: ${recall.toFixed(3)} of the true nearest are found as measured, ${exactRecall.toFixed(3)} with recall: 1.
${(100 * sameGenre).toFixed(0)} % of the nearest have the genre of the query; of all headlines, ${(100 * byChance).toFixed(0)} % would have it by chance.`;
}

function said(found: boolean): string {
	return found ? 'FOUND: it is not gone' : 'not found';
}

function heading(part: number, title: string): string {
	const text = `${part}. ${title}`;
	return `${text}\n${'='.repeat(text.length)}\n`;
}

function renderStats(stats: NotebookStats): string {
	return facts(
		Object.entries(stats).map(([name, value]) => [name, Number.isInteger(value) ? String(value) : value.toFixed(1)]),
	);
}

function renderFound(hits: readonly Found[], title = 'headline'): string {
	return table(
		[title, 'genre', 'score'],
		hits.map(({ headline, genre, score }) => [headline, genre, score.toFixed(3)]),
		2,
	);
}
