/**
 * What the offline embedder finds: title to passage, a passage by three of its words, a passage by its misspelt title, and
 * neighbours of the same category; each part alone, joined, and fused with BM25.
 *
 *     node bench/text/offline.ts [--documents documents.jsonl] [--queries 1000]
 *
 * Documents: one JSON object a line with title, category and text. Default: text-lsa-50k in $VECINO_DATA or ../shared/data.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ftsQuery, offlineEmbedder, type Ranked, reciprocalRank, weighted } from '@vecino/db';
import { IndexFlat } from 'vecino';

interface Document {
	readonly title: string;
	readonly category: string;
	readonly text: string;
}

interface Task {
	readonly name: string;
	/** What is embedded and indexed. */
	readonly texts: readonly string[];
	readonly queries: readonly { readonly text: string; readonly row: number }[];
}

/** Depth of the lists that are fused. */
const DEPTH = 100;

const { values: options } = parseArgs({
	options: { documents: { type: 'string' }, queries: { type: 'string', default: '1000' } },
});
const shared = process.env['VECINO_DATA'] ?? fileURLToPath(new URL('../../../shared/data', import.meta.url));
const path = options.documents ?? join(shared, 'text-lsa-50k/documents.jsonl');
if (!existsSync(path)) {
	console.error(`bench/text/offline: no documents at ${path}; give some with --documents`);
	process.exit(2);
}
const documents = readFileSync(path, 'utf8')
	.split('\n')
	.filter(Boolean)
	.map((line) => JSON.parse(line) as Document);
const most = Number(options.queries);
const texts = documents.map(({ text }) => text);
const titled = documents.map(({ title, text }) => `${title}. ${text}`);

let state = 1;
/** An integer in 0..n - 1, the same in every run. */
const below = (n: number): number => {
	state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
	return Math.floor((state / 2 ** 32) * n);
};

const tasks = [titleTask(), wordsTask(), misspeltTask()];
const characters = Math.round(texts.reduce((sum, text) => sum + text.length, 0) / texts.length);
console.log(
	`${documents.length} documents of ${characters} characters; queries: ${tasks.map(({ queries }) => queries.length).join(', ')}\n`,
);
console.log(`| | ${tasks.map(({ name }) => `${name} R@1 | R@10`).join(' | ')} | 10 neighbours of its category |`);
console.log(`|---|${'--:|'.repeat(2 * tasks.length + 1)}`);

const plain = offlineEmbedder();
const fitted = offlineEmbedder();
const start = performance.now();
await fitted.fit(texts);
const fitMs = performance.now() - start;
const K = new DataView(fitted.save().buffer).getUint32(32, true);
const d = fitted.dimension!;

type Vectorise = (texts: readonly string[]) => Promise<Float32Array[]>;
const part =
	(from: number, to: number): Vectorise =>
	async (some) =>
		(await fitted.embed(some)).map((vector) => unit(vector.slice(from, to)));
const forms: readonly (readonly [string, Vectorise])[] = [
	[`hashed runs, no corpus (${d})`, (some) => plain.embed(some)],
	[`hashed runs, weighted (${d - K})`, part(0, d - K)],
	[`meaning by LSA (${K})`, part(d - K, d)],
	[`joined, 0.7 + 0.3 (${d})`, (some) => fitted.embed(some)],
];

let embedMs = 0;
let lists: Ranked[][][] = [];
for (const [name, vectorise] of forms) {
	const started = performance.now();
	lists = [];
	for (const task of tasks) lists.push(await search(task, vectorise));
	embedMs = performance.now() - started;
	console.log(row(name, lists, await sameCategory(vectorise)));
}
const words = tasks.map(searchWords);
console.log(row('BM25 (FTS5, porter)', words));
const fused = (fuse: (a: Ranked[], b: Ranked[]) => Ranked[]): Ranked[][][] =>
	lists.map((task, t) => task.map((list, q) => fuse(list, words[t]![q]!)));
console.log(
	row(
		'joined + BM25, reciprocal rank',
		fused((a, b) => reciprocalRank([a, b])),
	),
);
for (const alpha of [0.3, 0.5, 0.7]) {
	console.log(
		row(
			`joined + BM25, weighted, alpha ${alpha}`,
			fused((a, b) => weighted(a, b, { alpha })),
		),
	);
}

const one = performance.now();
await fitted.embed(texts);
const perText = (performance.now() - one) / texts.length;
console.log(
	`\nfit ${(fitMs / 1000).toFixed(1)} s, ${perText.toFixed(3)} ms a text, state ${(fitted.save().length / 1e6).toFixed(1)} MB; the last form took ${(embedMs / 1000).toFixed(0)} s`,
);

/** Passages by their titles: titles of two words or more that no other has and that are not in the passage. */
function titleTask(): Task {
	const counts = new Map<string, number>();
	for (const { title } of documents) counts.set(title, (counts.get(title) ?? 0) + 1);
	const queries = documents.flatMap(({ title, text }, row) => {
		const known = text.toLowerCase().includes(title.toLowerCase());
		if (counts.get(title) !== 1 || known || !title.includes(' ')) return [];
		// What all pages of one manual have in their titles says nothing.
		return [{ text: title.replace(/ — .*| \| .*| \(Java SE.*| \(Maxima.*|^Erlang -- /, ''), row }];
	});
	return { name: 'title', texts, queries: some(queries) };
}

/** Passages by three of their rarer words, shuffled, each shortened or with another ending. */
function wordsTask(): Task {
	const tokens = texts.map(lettersOf);
	const counts = new Map<string, number>();
	for (const list of tokens) for (const word of new Set(list)) counts.set(word, (counts.get(word) ?? 0) + 1);
	const queries = tokens.flatMap((list, row) => {
		const rare = [...new Set(list)].filter(
			(word) => word.length >= 5 && counts.get(word)! >= 2 && counts.get(word)! <= texts.length / 50,
		);
		if (rare.length < 8) return [];
		const picked = Array.from({ length: 3 }, () => rare.splice(below(rare.length), 1)[0]!);
		return [{ text: picked.map(inflect).join(' '), row }];
	});
	return { name: 'three words', texts, queries: some(queries) };
}

/** Titled passages by their titles with one or two wrong letters in every word. */
function misspeltTask(): Task {
	const counts = new Map<string, number>();
	for (const { title } of documents) counts.set(title, (counts.get(title) ?? 0) + 1);
	const queries = documents.flatMap(({ title }, row) => {
		const list = lettersOf(title);
		if (counts.get(title) !== 1 || list.join('').length < 8) return [];
		return [{ text: list.map((word) => misspell(below(2) === 0 ? word : misspell(word))).join(' '), row }];
	});
	return { name: 'misspelt title', texts: titled, queries: some(queries) };
}

function lettersOf(text: string): string[] {
	return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

function inflect(word: string): string {
	const how = below(3);
	if (how === 0) return word.slice(0, Math.max(4, word.length - 2 - below(2)));
	if (how === 1) return word.endsWith('s') ? word.slice(0, -1) : `${word}s`;
	if (word.endsWith('e')) return `${word.slice(0, -1)}ing`;
	return word.endsWith('ing') ? `${word.slice(0, -3)}ed` : `${word}ed`;
}

/** Replaces, inserts, drops or swaps a letter. */
function misspell(word: string): string {
	const at = below(word.length);
	const letter = String.fromCharCode(97 + below(26));
	const how = below(4);
	if (how === 0) return word.slice(0, at) + letter + word.slice(at + 1);
	if (how === 1 || word.length < 3) return word.slice(0, at) + letter + word.slice(at);
	if (how === 2) return word.slice(0, at) + word.slice(at + 1);
	return at + 1 < word.length ? word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2) : word;
}

/** At most `most`, evenly spread. */
function some<T>(all: readonly T[]): T[] {
	const count = Math.min(most, all.length);
	return Array.from({ length: count }, (_, i) => all[Math.floor((i * all.length) / count)]!);
}

function unit(x: Float32Array): Float32Array {
	const length = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
	return length === 0 ? x : x.map((value) => value / length);
}

async function search(task: Task, vectorise: Vectorise): Promise<Ranked[][]> {
	const vectors = await vectorise(task.texts);
	using index = new IndexFlat({ d: vectors[0]!.length, metric: 'ip' });
	index.add(vectors);
	const queries = await vectorise(task.queries.map(({ text }) => text));
	const found = index.search(queries, DEPTH);
	return queries.map((_, q) => found.hits(q).map(({ label, distance }) => ({ id: label, score: distance })));
}

/** Share of the ten nearest that have the category, over documents of categories of 30 or more. */
async function sameCategory(vectorise: Vectorise): Promise<string> {
	const vectors = await vectorise(texts);
	using index = new IndexFlat({ d: vectors[0]!.length, metric: 'ip' });
	index.add(vectors);
	const counts = new Map<string, number>();
	for (const { category } of documents) counts.set(category, (counts.get(category) ?? 0) + 1);
	const rows = some(documents.map((_, i) => i).filter((i) => counts.get(documents[i]!.category)! >= 30));
	const found = index.search(
		rows.map((i) => vectors[i]!),
		11,
	);
	const shares = rows.map((row, i) => {
		const others = found
			.hits(i)
			.filter(({ label }) => label !== row)
			.slice(0, 10);
		return others.filter(({ label }) => documents[label]!.category === documents[row]!.category).length / 10;
	});
	return (shares.reduce((sum, share) => sum + share, 0) / rows.length).toFixed(3);
}

function searchWords(task: Task): Ranked[][] {
	using db = new DatabaseSync(':memory:');
	db.exec("CREATE VIRTUAL TABLE docs USING fts5(body, tokenize = 'porter unicode61')");
	const insert = db.prepare('INSERT INTO docs(rowid, body) VALUES (?, ?)');
	db.exec('BEGIN');
	for (const [i, text] of task.texts.entries()) insert.run(i, text);
	db.exec('COMMIT');
	const select = db.prepare('SELECT rowid AS id, -rank AS score FROM docs WHERE docs MATCH ? ORDER BY rank LIMIT ?');
	return task.queries.map(({ text }) => {
		const query = ftsQuery(text);
		return query === undefined
			? []
			: select.all(query, DEPTH).map(({ id, score }) => ({ id: Number(id), score: Number(score) }));
	});
}

function row(name: string, found: readonly Ranked[][][], category = ''): string {
	const cells = tasks.flatMap(({ queries }, t) =>
		[1, 10].map((k) => {
			const hits = queries.filter(({ row }, q) => found[t]![q]!.slice(0, k).some(({ id }) => id === row));
			return (hits.length / queries.length).toFixed(3);
		}),
	);
	return `| ${name} | ${cells.join(' | ')} | ${category} |`;
}
