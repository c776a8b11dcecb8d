/**
 * The real data sets: in the folder named by VECINO_DATA, else in ../shared/data beside the repository. Tests that
 * need them skip, and say why, where they are absent.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { VectorSet } from '../../src/core/vectors.ts';
import type { LabelMatrix } from '../../src/eval/recall.ts';
import { defaultEngine } from '../../src/kernels/engine.ts';
import { openVectors, readVectors } from '../../src/node/files.ts';

const beside = fileURLToPath(new URL('../../../../../shared/data', import.meta.url));
const folder = process.env['VECINO_DATA'] ?? beside;

/** Training and searching real data takes seconds with SIMD and many minutes in plain TypeScript. */
const TOO_SLOW = 'the reference kernels would take minutes; they return the same bits as the others';

/** Where a data set is, and why its tests are to be skipped, if so. */
export function findSet(name: string, { large }: { large: boolean }): { title: string; skip: boolean } {
	const missing = existsSync(join(folder, name)) ? undefined : 'no such data folder, see VECINO_DATA';
	const slow = large && defaultEngine().backend === 'reference' ? TOO_SLOW : undefined;
	const reason = missing ?? slow;
	return { title: reason === undefined ? name : `${name} (skipped: ${reason})`, skip: reason !== undefined };
}

export async function readSet(name: string, file: string): Promise<VectorSet> {
	const { data, d } = await readVectors(join(folder, name, file));
	return new VectorSet(data, d);
}

/** True neighbours, nearest first. */
export async function readTruth(name: string): Promise<LabelMatrix> {
	await using file = await openVectors(join(folder, name, 'groundtruth.ivecs'));
	return { nq: file.n, k: file.d, labels: await file.readInts(0, file.n) };
}

/** Objects of a .jsonl file. */
export async function readLines(name: string, file: string): Promise<Record<string, unknown>[]> {
	const text = await readFile(join(folder, name, file), 'utf8');
	return text
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as Record<string, unknown>);
}
