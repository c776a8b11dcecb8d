/**
 * Vectors in: files and synthetic data behind one interface, and rows picked from them in one pass.
 */

import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { type Index, type IndexIDMap, VectorSet } from 'vecino';
import { openVectors } from 'vecino/node';
import type { Context } from './context.ts';
import { defaultQueries } from './defaults.ts';
import { Failure, UsageError } from './errors.ts';
import { count, plural } from './output.ts';
import { BOOK, type Clusters, clustered, Random } from './synthetic.ts';

/** Rows of d numbers, read in order. */
export interface RowSource extends AsyncDisposable {
	/** How output calls it. */
	readonly name: string;
	readonly n: number;
	readonly d: number;
	/** All rows in order, layout (rows, d). */
	chunks(): AsyncIterable<{ readonly start: number; readonly data: Float32Array }>;
}

/** A vector file with at least one vector; close it with `await using`. */
export async function openFile(path: string, { signal }: Context): Promise<RowSource> {
	const file = await openVectors(path, { signal });
	if (file.n > 0) return fileRows(file, signal);
	await file.close();
	throw new Failure(`${path}: there are no vectors in it`);
}

/** An open file as a source; the file stays the caller's to close, or the source's with `await using`. */
export function fileRows(file: Awaited<ReturnType<typeof openVectors>>, signal: AbortSignal): RowSource {
	return {
		name: basename(file.info.name),
		n: file.n,
		d: file.d,
		chunks: () => file.chunks({ signal }),
		[Symbol.asyncDispose]: () => file.close(),
	};
}

/** Vectors in memory as a source. */
export function memorySource(name: string, x: VectorSet): RowSource {
	const chunks = async function* () {
		yield { start: 0, data: x.data };
	};
	return { name, n: x.n, d: x.d, chunks, [Symbol.asyncDispose]: async () => {} };
}

/** The value of --synthetic: n,d,clusters, the last ones optional. */
export function parseSynthetic(text: string | true): Clusters {
	const given = text === true ? [] : text.split(',').map((part) => Number(part));
	const [n = BOOK.n, d = BOOK.d, clusters = BOOK.clusters] = given;
	const fits = [n, d, clusters].every((value) => Number.isSafeInteger(value) && value >= 1);
	if (!fits || given.length > 3 || n * d > 2 ** 30 || clusters > n) {
		throw new UsageError(`--synthetic must be n,d,clusters, such as 10000,64,40, got ${text}`);
	}
	return { n, d, clusters };
}

export function syntheticSource(shape: Clusters, seed: number): RowSource {
	const { n, d, clusters } = shape;
	return memorySource(
		`synthetic data (${count(n)} x ${d}, ${clusters} ${clusters === 1 ? 'cluster' : 'clusters'})`,
		clustered(shape, seed),
	);
}

/** The rows of each list (ascending row numbers), picked in one pass over the source. */
export async function pick(
	context: Context,
	source: RowSource,
	lists: readonly Uint32Array[],
	phase: string = `read ${source.name}`,
): Promise<VectorSet[]> {
	const { d } = source;
	const out = lists.map((rows) => new VectorSet(new Float32Array(rows.length * d), d));
	const next = lists.map(() => 0);
	for await (const { start, data } of source.chunks()) {
		const end = start + data.length / d;
		for (const [i, rows] of lists.entries()) {
			let at = next[i]!;
			for (; at < rows.length && rows[at]! < end; at++) {
				const from = (rows[at]! - start) * d;
				out[i]!.data.set(data.subarray(from, from + d), at * d);
			}
			next[i] = at;
		}
		context.progress.report({ phase, done: end, total: source.n });
		await context.breathe();
	}
	return out;
}

/** All rows of a file, or the first `limit`. */
export async function readFirst(context: Context, path: string, limit?: number): Promise<VectorSet> {
	const file = await openVectors(path, { signal: context.signal });
	try {
		const n = Math.min(file.n, limit ?? file.n);
		if (n === 0) throw new Failure(`${path}: there are no vectors in it`);
		return new VectorSet(await file.read(0, n, { signal: context.signal }), file.d);
	} finally {
		await file.close();
	}
}

/** Vectors to search and queries to search them with. */
export interface Split {
	readonly name: string;
	/** Rows the source has. */
	readonly total: number;
	readonly base: VectorSet;
	readonly queries: VectorSet;
	/** 'held out', or the name of the query file. */
	readonly queriesFrom: string;
}

export interface SplitOptions {
	/** Rows taken at most, drawn at random. */
	readonly limit?: number | undefined;
	/** How many rows to hold out as queries, or a file of queries. */
	readonly queries?: number | string | undefined;
	readonly seed: number;
}

/** Draws the rows to use and takes the queries out of them, unless a file has the queries. */
export async function split(
	context: Context,
	source: RowSource,
	{ limit, queries, seed }: SplitOptions,
): Promise<Split> {
	const { name, n: total } = source;
	const random = new Random(seed);
	const used = random.sample(total, Math.min(limit ?? total, total));
	if (typeof queries === 'string') {
		const given = await readFirst(context, queries);
		checkSameDimension(queries, given.d, name, source.d);
		const [base] = await pick(context, source, [used]);
		return { name, total, base: base!, queries: given, queriesFrom: basename(queries) };
	}
	const nq = queries ?? defaultQueries(used.length);
	if (nq >= used.length) {
		const message = `${name}: ${plural(used.length, 'vector')} to use, too few to hold out ${plural(nq, 'query', 'queries')}`;
		throw new UsageError(`${message}; --queries takes fewer, or a file`);
	}
	const held = new Set(random.sample(used.length, nq));
	const base = used.filter((_, i) => !held.has(i));
	const out = used.filter((_, i) => held.has(i));
	const [vectors, asked] = await pick(context, source, [base, out]);
	return { name, total, base: vectors!, queries: asked!, queriesFrom: 'held out' };
}

export function checkSameDimension(name: string, d: number, other: string, expected: number): void {
	if (d !== expected) throw new Failure(`${name} has vectors of dimension ${d}, ${other} of dimension ${expected}`);
}

/** Refuses vectors that an index cannot have been built from. */
export function checkSameRows(indexPath: string, index: Index, vectorPath: string, source: RowSource): void {
	if (index.labelEnd > index.ntotal) {
		throw new Failure(`vectors were removed from ${indexPath}: what is left is not in a file; give --truth`);
	}
	if (source.n === index.ntotal) return;
	const message = `${indexPath} holds ${count(index.ntotal)} vectors, ${vectorPath} ${count(source.n)}`;
	throw new Failure(`${message}: it is not the file the index was built from`);
}

/** From row numbers to what the index calls its vectors. */
export function labelsOf(index: Index): (row: number) => number {
	if (index.type !== 'IndexIDMap') return (row) => row;
	const { ids } = index as IndexIDMap;
	return (row) => (row < 0 ? row : ids[row]!);
}

/** Refuses names that say the file holds vectors. */
export function checkIndexName(path: string): void {
	if (formatOf(path) === undefined) return;
	throw new UsageError(`${path}: that is the name of a vector file; index files end in .vecino`);
}

/** Refuses names that do not say how vectors are to be written. */
export function checkVectorName(path: string): void {
	if (formatOf(path) !== undefined) return;
	throw new UsageError(`${path}: name the output .npy, .fvecs, .bvecs or .ivecs`);
}

function formatOf(path: string): string | undefined {
	return /\.(npy|[fbi]vecs)$/i.exec(path)?.[1];
}

/** Fails before the work rather than after it when a file could not be written. */
export async function checkOutput(path: string, inputs: readonly string[]): Promise<void> {
	const folder = await stat(dirname(path)).catch(() => undefined);
	if (!folder?.isDirectory()) throw new Failure(`no such folder: ${dirname(path)}`);
	const output = await stat(path).catch(() => undefined);
	if (output === undefined) return;
	if (output.isDirectory()) throw new Failure(`a folder, not a file: ${path}`);
	for (const input of inputs) {
		const { dev, ino } = await stat(input);
		if (dev === output.dev && ino === output.ino) throw new UsageError(`${path} is the input; name another output`);
	}
}
