/**
 * A collection of a million vectors with metadata: the rate at which durable batches go in, the bytes that it takes, how long
 * queries take while writing goes on and after, what they find, and how long it takes to open.
 *
 *   node bench/db/collection.ts [--rows 1000000] [--d 128] [--folder <where>] [--queries 1000]
 *
 * Data: the seeded clustered generator of bench/suite. Metadata: a topic of 100 (so that one is 1 % of the rows), a year, a
 * price, a title. Batches of 1,000 are committed with synchronous=FULL before `add` returns.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { open } from '../../packages/db/dist/index.js';
import { exactNeighbors, VectorSet } from '../../packages/vecino/src/index.ts';
import { generate } from '../suite/generate.ts';

const { values } = parseArgs({
	options: {
		rows: { type: 'string', default: '1000000' },
		d: { type: 'string', default: '128' },
		queries: { type: 'string', default: '1000' },
		folder: { type: 'string' },
	},
});
const [n, d, nq] = [Number(values.rows), Number(values.d), Number(values.queries)];
const BATCH = 1000;
const K = 10;
const SCHEMA = { topic: 'string', year: 'integer', price: 'number', title: 'string' } as const;

const folder = mkdtempSync(join(values.folder ?? tmpdir(), 'vecino-bench-'));
const path = join(folder, 'collection');
const { base, queries } = generate({ n, d, nq, seed: 1 });
const held = process.memoryUsage().rss;

const topicOf = (i: number): string => `topic-${(i * 7919) % 100}`;
const entryOf = (i: number) => ({
	id: i,
	vector: base.row(i),
	metadata: { topic: topicOf(i), year: 1990 + (i % 35), price: (i % 9973) / 10, title: `document number ${i}` },
});

const row = (what: string, value: string): void => console.log(`| ${what} | ${value} |`);
console.log(
	`${n.toLocaleString('en')} x ${d}, batches of ${BATCH}, Node ${process.version}\n\n| what | measured |\n|---|---|`,
);

let collection = await open(path, { dimension: d, metric: 'l2', schema: SCHEMA });
const whileWriting = { all: [] as number[], filtered: [] as number[] };
let longest = 0;
let at = performance.now();
const timer = setInterval(() => {
	const now = performance.now();
	longest = Math.max(longest, now - at - 10);
	at = now;
}, 10);

const started = performance.now();
let inQueries = 0;
for (let i = 0; i < n; i += BATCH) {
	const entries = Array.from({ length: Math.min(BATCH, n - i) }, (_, j) => entryOf(i + j));
	const adding = collection.add(entries);
	// From half way on queries are asked while a batch is under way.
	if (i >= n / 2 && (i / BATCH) % 4 === 0) {
		const begun = performance.now();
		const q = queries.row((i / BATCH) % nq);
		await timed(whileWriting.all, () => collection.query({ vector: q, k: K }));
		await timed(whileWriting.filtered, () => collection.query({ vector: q, k: K, where: { topic: topicOf(i) } }));
		inQueries += performance.now() - begun;
	}
	await adding;
}
const seconds = (performance.now() - started - inQueries) / 1000;
row(
	'added, acknowledged and searchable',
	`${Math.round(n / seconds).toLocaleString('en')} vectors/s (${seconds.toFixed(1)} s)`,
);
row('queries while writing goes on, p50 / p99', times(whileWriting.all));
row('the same with a filter that 1 % match', times(whileWriting.filtered));
row('longest the event loop did not turn', `${longest.toFixed(0)} ms`);

const settling = performance.now();
await collection.optimize();
row('optimize() after it', `${((performance.now() - settling) / 1000).toFixed(1)} s`);
clearInterval(timer);

const truth = exactNeighbors(base, queries, K, { metric: 'l2' });
const after = { all: [] as number[], filtered: [] as number[] };
let found = 0;
for (let i = 0; i < nq; i++) {
	const vector = queries.row(i);
	const hits = await timed(after.all, () => collection.query({ vector, k: K, include: [] }));
	const truly = new Set(truth.labels.subarray(i * K, i * K + K));
	found += hits.filter(({ id }) => truly.has(Number(id))).length;
}
row(`recall@${K} with no parameter set`, (found / (nq * K)).toFixed(4));
row('queries afterwards, p50 / p99', times(after.all));

const topic = topicOf(0);
const matching = Array.from({ length: n }, (_, i) => i).filter((i) => topicOf(i) === topic);
const subset = new VectorSet(new Float32Array(matching.length * d), d);
for (const [j, i] of matching.entries()) subset.row(j).set(base.row(i));
const filteredTruth = exactNeighbors(subset, queries, K, { metric: 'l2' });
let filteredFound = 0;
for (let i = 0; i < nq; i++) {
	const hits = await timed(after.filtered, () => collection.query({ vector: queries.row(i), k: K, where: { topic } }));
	const truly = new Set([...filteredTruth.labels.subarray(i * K, i * K + K)].map((j) => matching[j]));
	filteredFound += hits.filter(({ id }) => truly.has(Number(id))).length;
}
row('with the filter afterwards, p50 / p99', times(after.filtered));
row(`recall@${K} with the filter`, (filteredFound / (nq * K)).toFixed(4));

const stats = await collection.stats();
row('index in memory', `${(stats.bytes.memory / n).toFixed(1)} bytes/vector`);
row(
	"process, the benchmark's own vectors left out",
	`${((process.memoryUsage().rss - held) / 2 ** 20).toFixed(0)} MiB`,
);
await collection.close();
row(
	'files',
	`${(bytesOf(path) / n).toFixed(1)} bytes/vector (${(bytesOf(path) / 2 ** 20).toFixed(0)} MiB; float32 is ${4 * d})`,
);
row(
	'of which meta.db (rows, metadata, vectors)',
	`${(statSync(join(path, 'meta.db')).size / n).toFixed(1)} bytes/vector`,
);

const opening = performance.now();
collection = await open(path);
const opened = performance.now();
await collection.query({ vector: queries.row(0), k: K });
row('open, and the first query', `${(opened - opening).toFixed(0)} ms, ${(performance.now() - opened).toFixed(1)} ms`);
row('stats', `\`${JSON.stringify({ ...stats, bytes: undefined })}\``);
await collection.close();
rmSync(folder, { recursive: true });

async function timed<T>(into: number[], work: () => Promise<T>): Promise<T> {
	const begun = performance.now();
	const result = await work();
	into.push(performance.now() - begun);
	return result;
}

function times(all: number[]): string {
	const sorted = [...all].sort((a, b) => a - b);
	const share = (p: number): string =>
		(sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))] ?? Number.NaN).toFixed(2);
	return `${share(0.5)} / ${share(0.99)} ms`;
}

function bytesOf(where: string): number {
	return readdirSync(where, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}
