/** Index files of FAISS: converted both ways, described, searched. */

import { readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { VectorSet } from 'vecino';
import { expect, it } from 'vitest';
import { save, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const fixtures = fileURLToPath(new URL('../../vecino/test/fixtures/faiss/', import.meta.url));
const about = JSON.parse(readFileSync(`${fixtures}answers.json`, 'utf8')) as {
	files: Record<string, { ids: number[][] }>;
};
const queries = new Float32Array(new Uint8Array(readFileSync(`${fixtures}queries.f4`)).buffer);

interface Found {
	readonly results: readonly { readonly labels: number[] }[];
}

it('a FAISS file becomes a .vecino file and the same FAISS file again', async () => {
	const input = `${fixtures}ivfpq-residual-l2.faiss`;
	const index = { type: 'IndexIVFPQ', metric: 'l2', ntotal: 220, d: 16 };
	const there = await vecinoJson('convert', input, path('a.vecino'));
	const fileBytes = statSync(path('a.vecino')).size;
	expect(there).toEqual({
		command: 'convert',
		input,
		output: path('a.vecino'),
		from: 'faiss',
		to: 'vecino',
		index,
		fileBytes,
	});
	expect(await vecinoJson('convert', path('a.vecino'), path('b.index'))).toMatchObject({
		from: 'vecino',
		to: 'faiss',
		index,
	});
	expect(readFileSync(path('b.index')).equals(readFileSync(input))).toBe(true);
	expect((await vecino(['convert', input, path('c.vecino')])).stdout).toContain(
		'IndexIVFPQ, 220 vectors of dimension 16',
	);
});

it('info, search and recall take it as it is', async () => {
	const input = `${fixtures}refine.faiss`;
	expect(await vecinoJson('info', input)).toMatchObject({
		command: 'info',
		kind: 'faiss',
		fileBytes: statSync(input).size,
		index: { type: 'IndexRefine(IndexIVFPQ, flat)', ntotal: 220, cells: { nprobe: 4 }, rerank: { kFactor: 4 } },
	});
	expect((await vecino(['info', input])).stdout).toContain('FAISS index');
	await save(path('q.fvecs'), new VectorSet(queries, 16));
	const { results } = await vecinoJson<Found>('search', input, path('q.fvecs'));
	expect(results.map(({ labels }) => labels)).toEqual(about.files['refine']!.ids);
	await save(path('truth.ivecs'), new VectorSet(Float32Array.from(about.files['refine']!.ids.flat()), 10));
	const recall = await vecinoJson<{ results: { recall: { mean: number } }[] }>(
		'recall',
		input,
		'--queries',
		path('q.fvecs'),
		'--truth',
		path('truth.ivecs'),
	);
	expect(recall.results[0]!.recall.mean).toBe(1);
});

it('what cannot be is said', async () => {
	const flat = `${fixtures}flat-l2.faiss`;
	const outcomes = [
		[['convert', flat, path('x.npy')], 2, 'is an index: name the output .vecino or .faiss'],
		[['convert', path('q.fvecs'), path('x.faiss')], 2, 'is no index; vecino build makes one'],
		[['convert', `${fixtures}bad-lsh.faiss`, path('x.vecino')], 1, 'is an IndexLSH, which vecino cannot read'],
	] as const;
	for (const [args, code, message] of outcomes) {
		const outcome = await vecino(args);
		expect(outcome.code).toBe(code);
		expect(outcome.stderr).toContain(message);
	}
});
