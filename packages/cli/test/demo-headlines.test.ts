/** vecino demo headlines: what it says is so. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADLINES, inspectCollection, offlineEmbedder } from '@vecino/db';
import { IndexFlat, VectorSet } from 'vecino';
import { writeVectors } from 'vecino/node';
import { describe, expect, it } from 'vitest';
import { registerDemo } from '../src/commands/demo.ts';
import type { Context } from '../src/context.ts';
import type { HeadlinesResult } from '../src/demo/headlines.ts';
import { type HeldOutResult, readHeldOut, runHeldOut } from '../src/demo/headlines-vectors.ts';
import { runHere } from './support/in-process.ts';
import { temporaryFolder } from './support/program.ts';

const path = temporaryFolder();
const data = process.env['VECINO_DATA'] ?? new URL('../../../../shared/data', import.meta.url).pathname;

type Report = HeadlinesResult & { readonly heldOut?: HeldOutResult };

async function demo(...args: string[]): Promise<Report> {
	const { stdout, stderr, code } = await runHere(registerDemo, ['demo', 'headlines', '--json', ...args]);
	if (code !== 0) throw new Error(stderr);
	return JSON.parse(stdout) as Report;
}

/** A folder as the demo takes it: every eighth headline is held out. */
async function makeFolder(folder: string): Promise<void> {
	mkdirSync(folder);
	const embedder = offlineEmbedder({ dimension: 64 });
	const vectors = VectorSet.from(await embedder.embed(HEADLINES.map(({ headline }) => headline)));
	const isHeld = (i: number): boolean => i % 8 === 0;
	const rows = HEADLINES.map((_, i) => i);
	const queries = vectors.take(rows.filter(isHeld));
	const base = vectors.take(rows.filter((i) => !isHeld(i)));
	using index = new IndexFlat({ d: vectors.d, metric: 'ip' });
	index.add(base);
	const truth = index.search(queries, 10);
	await writeVectors(join(folder, 'vectors.npy'), vectors.data, { d: vectors.d });
	await writeVectors(join(folder, 'query.fvecs'), queries.data, { d: vectors.d });
	await writeVectors(join(folder, 'groundtruth.ivecs'), Int32Array.from(truth.labels), { d: 10 });
	const lines = HEADLINES.map(({ headline, genre }, i) =>
		JSON.stringify({ id: i, in: isHeld(i) ? 'query' : 'base', headline, genre }),
	);
	writeFileSync(join(folder, 'metadata.jsonl'), lines.join('\n'));
}

describe('headlines', () => {
	it('are found, added, filtered, deleted and there again, as told', async () => {
		await makeFolder(path('vectors'));
		const report = await demo('--keep', path('news'), '--vectors', path('vectors'));
		const { stats, query, added, statsAfterAdding, delta, filtered, hybrid, deleted, reopened, heldOut } = report;
		expect(stats).toMatchObject({ n_vectors: HEADLINES.length, n_clusters: 10, empty_clusters: 0 });
		expect(stats.avg_cluster_size * stats.n_clusters).toBeCloseTo(HEADLINES.length);
		expect(query.hits[0]).toMatchObject({ genre: 'Sports', headline: expect.stringMatching(/marathon/i) });
		for (const { headline, first } of added) expect(first.headline).toBe(headline);
		expect(statsAfterAdding).toMatchObject({ n_vectors: HEADLINES.length + 3, n_clusters: 10 });
		expect(delta).toBe(3);
		expect(filtered.hits).toHaveLength(3);
		for (const { genre } of filtered.hits) expect(genre).toBe(filtered.genre);
		expect(hybrid.withWords[0]!.headline).toMatch(/\bart\b/);
		expect(hybrid.vectorsOnly[0]!.headline).not.toMatch(/\bart\b/);
		expect(deleted).toEqual({
			id: query.hits[0]!.id,
			headline: query.hits[0]!.headline,
			lookedAmong: HEADLINES.length + 2,
			byQuery: false,
			byHybrid: false,
			byGet: false,
			byList: false,
			afterReopening: false,
		});
		expect(reopened).toEqual({ rows: HEADLINES.length + 2, sameHits: true });
		expect(inspectCollection(path('news'))).toMatchObject({ rows: HEADLINES.length + 2, index: 'IVF10,Flat' });
		// 266 rows are too few for ten cells, so that they are searched one by one.
		expect(heldOut).toMatchObject({ n: 266, queries: 38, k: 10, recall: 1, exactRecall: 1 });
	});

	it('says it in words, and refuses to write into a folder that is there', async () => {
		const { stdout, code } = await runHere(registerDemo, ['demo', 'headlines']);
		expect(code).toBe(0);
		expect(stdout).toContain('n_clusters        10');
		expect(stdout.match(/not found/g)).toHaveLength(5);
		expect(stdout).toContain('the same headlines with the same scores');
		expect(await runHere(registerDemo, ['demo', 'headlines', '--keep', path('news')])).toMatchObject({ code: 2 });
		const missing = await runHere(registerDemo, ['demo', 'headlines', '--vectors', path('none')]);
		expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('none') });
	});

	it.skipIf(!existsSync(join(data, 'headlines-768/vectors.npy')))('of a real model find their truth', async () => {
		const context = { signal: new AbortController().signal } as Context;
		const heldOut = await runHeldOut(context, await readHeldOut(context, join(data, 'headlines-768')));
		expect(heldOut).toMatchObject({ n: 343, queries: 40, d: 768, exactRecall: 1 });
		expect(heldOut.recall).toBeGreaterThanOrEqual(0.95);
		expect(heldOut.sameGenre).toBeGreaterThan(3 * heldOut.byChance);
		expect(heldOut.stats.n_clusters).toBe(10);
	});
});
