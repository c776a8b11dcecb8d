/**
 * Rows a second into the index of a collection, end to end, and what the event loop and the searches notice of it.
 *
 *   node bench/db/ingest.ts [--shape 1000000x128] [--batch 1000] [--builder thread|slices]
 *
 * Generated clustered vectors; segments in a temporary folder; the rows themselves are in an array, so that the cost of a
 * database is not in these numbers. Between two batches the event loop turns once, as it would with a database.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { FolderFiles } from '../../packages/db/src/segments/files-fs.ts';
import { LiveIndex } from '../../packages/db/src/segments/live-index.ts';
import { exactNeighbors } from '../../packages/vecino/src/index.ts';
import { generate, parseShape } from '../suite/generate.ts';
import { ArrayRows } from './rows.ts';

const { values } = parseArgs({
	options: {
		shape: { type: 'string', default: '1000000x128' },
		batch: { type: 'string', default: '1000' },
		builder: { type: 'string', default: 'thread' },
	},
});
const { n, d } = parseShape(values.shape);
const batch = Number(values.batch);
const { base, queries } = generate({ n, d, nq: 200, seed: 1 });
console.log(`generated ${n} x ${d}`);
const rows = new ArrayRows(base);
const folder = await mkdtemp(join(tmpdir(), 'vecino-ingest-'));
const options = {
	rows,
	files: new FolderFiles(join(folder, 'seg')),
	metric: 'l2',
	spec: 'auto',
	builder: values.builder === 'slices' ? 'slices' : 'thread',
} as const;

const ms = (x: number): string => x.toFixed(x < 10 ? 2 : 0);
const quantile = (sorted: readonly number[], p: number): number =>
	sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!;
const report = (what: string, times: number[]): void => {
	times.sort((a, b) => a - b);
	const of = [0.5, 0.99, 0.999, 1].map((p) => ms(quantile(times, p)));
	console.log(`${what}: median ${of[0]}, p99 ${of[1]}, p99.9 ${of[2]}, longest ${of[3]} ms (${times.length})`);
};
/** Recall@10 of the queries, and milliseconds of each. */
const ask = (live: LiveIndex): { recall: number; times: number[] } => {
	const truth = exactNeighbors(base.slice(0, rows.lastRid()), queries, 10);
	let right = 0;
	const times: number[] = [];
	for (let i = 0; i < queries.n; i++) {
		const start = performance.now();
		const { rids } = live.search(queries.row(i), 10);
		times.push(performance.now() - start);
		const wanted = new Set(truth.labels.subarray(i * 10, (i + 1) * 10));
		for (const rid of rids) if (wanted.has(rid - 1)) right++;
	}
	return { recall: right / (queries.n * 10), times };
};

let live = await LiveIndex.open(options);
const delay = monitorEventLoopDelay({ resolution: 1 });
/** Turns of the event loop, in milliseconds, adds left out. */
const turns: number[] = [];
const searches: number[] = [];
delay.enable();
const used = process.cpuUsage();
const start = performance.now();
let shown = start;
let waited = 0;
for (let done = 0; done < n; done += batch) {
	const { rids, vectors } = rows.next(Math.min(batch, n - done));
	live.add(rids, vectors);
	const before = performance.now();
	await live.whenRoom();
	waited += performance.now() - before;
	const turn = performance.now();
	await new Promise((resolve) => setImmediate(resolve));
	turns.push(performance.now() - turn);
	if ((done / batch) % 10 === 0) {
		const at = performance.now();
		live.search(queries.row((done / batch) % queries.n), 10);
		searches.push(performance.now() - at);
	}
	if (performance.now() - shown < 5000) continue;
	shown = performance.now();
	const { background, segments, indexes, delta } = live.stats();
	console.log(
		`${((shown - start) / 1000).toFixed(0)} s: ${done} rows, ${background}, ${segments} segments, ${delta} in deltas, ${indexes}`,
	);
}
const added = performance.now() - start;
const cpu = process.cpuUsage(used);
const busy = (cpu.user + cpu.system) / 1e6;
console.log(
	`added ${n} rows in ${(added / 1000).toFixed(1)} s: ${Math.round((n / added) * 1000)} rows/s (waited ${(waited / 1000).toFixed(1)} s; ${busy.toFixed(1)} s of processor, all threads)`,
);
delay.disable();
console.log(`recall@10 at once: ${ask(live).recall.toFixed(3)}`);
await new Promise((resolve) => setTimeout(resolve, 10));
const restDelay = monitorEventLoopDelay({ resolution: 1 });
restDelay.enable();
const before = performance.now();
await live.settle();
console.log(`at rest after another ${((performance.now() - before) / 1000).toFixed(1)} s`);
restDelay.disable();
report('turns of the event loop between batches', turns);
report('searches while rows came', searches);
console.log(
	`event loop delay: p50 ${ms(delay.percentile(50) / 1e6)}, p99 ${ms(delay.percentile(99) / 1e6)}, max ${ms(delay.max / 1e6)} ms`,
);
const rest = ask(live);
console.log(`recall@10 at rest: ${rest.recall.toFixed(3)}`);
report('searches at rest', rest.times);
const { memoryBytes, fileBytes, segments, indexes, nprobe } = live.stats();
console.log({ indexes, segments, nprobe, bytesPerRow: memoryBytes / n, fileBytesPerRow: fileBytes / n });

for (const share of [0.01, 0.5]) {
	const step = Math.round(1 / share);
	const set = Float64Array.from({ length: Math.floor(n / step) }, (_, i) => 1 + i * step);
	const filter = { rids: set, size: set.length, has: (rid: number) => (rid - 1) % step === 0 };
	const times = Array.from({ length: 30 }, (_, i) => {
		const at = performance.now();
		live.search(queries.row(i), 10, { filter });
		return performance.now() - at;
	});
	const first = times.shift()!;
	report(`filter of ${100 * share} %: new ${ms(first)} ms; again`, times);
}
await live.close();
const opening = performance.now();
live = await LiveIndex.open({ ...options, readOnly: true });
console.log(`opened in ${((performance.now() - opening) / 1000).toFixed(2)} s; ${live.count} rows`);
await live.close();
await rm(folder, { recursive: true });
