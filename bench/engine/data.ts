/** The data folder, and what the benchmarks read from it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Metric, VectorSet } from '../../packages/vecino/src/index.ts';
import { openVectors, readVectors } from '../../packages/vecino/src/node/files.ts';

export interface BenchData {
	readonly name: string;
	readonly metric: Metric;
	readonly base: VectorSet;
	readonly queries: VectorSet;
	/** True neighbours, 100 per query. */
	readonly truth: { readonly nq: number; readonly k: number; readonly labels: Int32Array };
}

/** Folder given, else VECINO_DATA, else ../shared/data beside the repository. */
export function dataFolder(given: string | undefined): string {
	const beside = fileURLToPath(new URL('../../../shared/data', import.meta.url));
	const folder = given ?? process.env['VECINO_DATA'] ?? beside;
	if (existsSync(folder)) return folder;
	console.error(`no data folder at ${folder}: give one as argument or in VECINO_DATA`);
	process.exit(2);
}

async function vectors(path: string): Promise<VectorSet> {
	const { data, d } = await readVectors(path);
	return new VectorSet(data, d);
}

async function truthOf(path: string): Promise<BenchData['truth']> {
	await using file = await openVectors(path);
	return { nq: file.n, k: file.d, labels: await file.readInts(0, file.n) };
}

/** 100,000 x 128, squared L2. */
export async function siftData(folder: string): Promise<BenchData> {
	const at = join(folder, 'sift-free-100k');
	const base = await vectors(join(at, 'base.bvecs'));
	const queries = await vectors(join(at, 'query.bvecs'));
	return { name: 'sift-free-100k', metric: 'l2', base, queries, truth: await truthOf(join(at, 'groundtruth.ivecs')) };
}

/** 50,000 x 256, cosine (unit vectors). */
export async function textData(folder: string): Promise<BenchData> {
	const at = join(folder, 'text-lsa-50k');
	const base = await vectors(join(at, 'base.fvecs'));
	const queries = await vectors(join(at, 'query.fvecs'));
	return { name: 'text-lsa-50k', metric: 'cosine', base, queries, truth: await truthOf(join(at, 'groundtruth.ivecs')) };
}
