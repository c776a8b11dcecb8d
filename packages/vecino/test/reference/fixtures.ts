/** The files that fixtures/make-reference.py wrote, and how answers are compared with them. */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Metric } from '../../src/core/metric.ts';
import type { SearchResult } from '../../src/core/result.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { bytesSource } from '../../src/io/source.ts';
import { openVectorSource } from '../../src/io/vectors.ts';

export interface FlatCase {
	readonly kind: 'flat';
	readonly name: string;
	readonly metric: Metric;
}

export interface PqCase {
	readonly kind: 'pq';
	readonly name: string;
	readonly metric: 'l2' | 'ip';
	readonly nbits: number;
	readonly d: number;
	readonly m: number;
}

export interface IvfPqCase {
	readonly kind: 'ivfpq';
	readonly name: string;
	readonly files: string;
	readonly metric: 'l2' | 'ip';
	readonly byResidual: boolean;
	readonly nbits: number;
	readonly m: number;
	readonly nlist: number;
	readonly nprobe: number;
}

interface Reference {
	readonly n: number;
	readonly d: number;
	readonly nq: number;
	readonly k: number;
	readonly sq8: { readonly meanSquaredError: number };
	readonly sq4: { readonly meanSquaredError: number; readonly recall: number };
	readonly kmeans: readonly { k: number; objective: number; best: number; worst: number }[];
	readonly pqTraining: readonly { nbits: number; m: number; meanSquaredError: number }[];
	readonly cases: readonly (FlatCase | PqCase | IvfPqCase)[];
}

const folder = new URL('../fixtures/reference/', import.meta.url);
const bytesOf = (file: string): Uint8Array => new Uint8Array(readFileSync(new URL(file, folder)));

export const reference = JSON.parse(new TextDecoder().decode(bytesOf('reference.json'))) as Reference;

/** One array of the reference as float32 rows. */
export async function load(name: string): Promise<VectorSet> {
	const file = await openVectorSource(bytesSource(bytesOf(`${name}.npy`)), { name: `${name}.npy` });
	return new VectorSet(await file.read(0, file.n), file.d);
}

/** One array of bytes, such as codes. */
export async function loadBytes(name: string): Promise<Uint8Array> {
	return Uint8Array.from((await load(name)).data);
}

/** 600 x 24 and 20 x 24. */
export const data: VectorSet = await load('data');
export const queries: VectorSet = await load('queries');
const answers = await load('answers');

/** The first d components of each row. */
export function firstColumns(x: VectorSet, d: number): VectorSet {
	return VectorSet.from(Array.from({ length: x.n }, (_, i) => x.row(i).subarray(0, d)));
}

/** FAISS's answers to a case. */
export function answersOf(name: string): { labels: number[][]; distances: number[][] } {
	const { nq, k, cases } = reference;
	const first = cases.findIndex((one) => one.name === name) * nq;
	const rows = Array.from({ length: nq }, (_, i) => Array.from(answers.row(first + i)));
	return { labels: rows.map((row) => row.slice(0, k)), distances: rows.map((row) => row.slice(k)) };
}

/** |a - b| against the larger of the two. */
export function relativeError(a: number, b: number): number {
	return a === b ? 0 : Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b));
}

/** Relative difference that is float32 rounding and nothing else. */
export const TOLERANCE = 1e-5;

/**
 * Equal to FAISS's: distances rank by rank, labels rank by rank save where distances tie. A label that FAISS
 * does not have at that rank must have that rank's distance, by `exact`, which recomputes it in double precision.
 *
 * @returns Labels that differ. Equal codes tie: there the lower label comes first, as in FAISS under l2; its heap
 *   of inner products puts the higher first.
 */
export function expectSameAnswers(
	found: SearchResult,
	name: string,
	exact: (query: number, label: number) => number,
): number {
	const want = answersOf(name);
	let differing = 0;
	for (let i = 0; i < found.nq; i++) {
		const seen = new Set<number>();
		for (const [rank, { label, distance }] of found.hits(i).entries()) {
			const wanted = want.distances[i]![rank]!;
			const where = `${name}: query ${i}, rank ${rank}, label ${label}, distance ${distance}, FAISS ${wanted}`;
			expect(relativeError(distance, wanted), where).toBeLessThan(TOLERANCE);
			expect(relativeError(exact(i, label), wanted), `${where}, exact`).toBeLessThan(TOLERANCE);
			expect(seen.has(label), `${where}: twice`).toBe(false);
			seen.add(label);
			if (label !== want.labels[i]![rank]) differing++;
		}
		expect(seen.size).toBe(reference.k);
	}
	return differing;
}

/** Distance of two vectors in the terms of a metric, in double precision. */
export function distanceOf(metric: 'l2' | 'ip', a: ArrayLike<number>, b: ArrayLike<number>): number {
	let sum = 0;
	for (let t = 0; t < a.length; t++) sum += metric === 'l2' ? (a[t]! - b[t]!) ** 2 : a[t]! * b[t]!;
	return sum;
}

/** Sub-codes of one code: a bit string, first sub-code in the lowest bits. */
export function subCodes(code: Uint8Array, m: number, nbits: number): number[] {
	const bits = code.reduce((sum, byte, i) => sum | (BigInt(byte) << BigInt(8 * i)), 0n);
	const mask = (1n << BigInt(nbits)) - 1n;
	return Array.from({ length: m }, (_, j) => Number((bits >> BigInt(j * nbits)) & mask));
}

/** What a code stands for: reproduction value after reproduction value of a codebook (m * ksub, dsub). */
export function decodeBy(codebook: VectorSet, code: Uint8Array, m: number, nbits: number): number[] {
	return subCodes(code, m, nbits).flatMap((c, j) => Array.from(codebook.row(j * 2 ** nbits + c)));
}
