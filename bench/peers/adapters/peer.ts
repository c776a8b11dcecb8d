/** What an adapter tells the runner. One file per engine; each runs in a process of its own. */
import type { VectorSet } from '../../../packages/vecino/src/index.ts';

export interface Data {
	readonly base: VectorSet;
	/** Cosine data has length 1. */
	readonly metric: 'l2' | 'ip';
	/** Raw float32 files of base and queries, for engines in other processes. */
	readonly paths: { readonly base: string; readonly queries: string };
	/** An empty folder that is removed afterwards. */
	readonly folder: string;
}

/** One setting of search parameters. */
export interface Setting {
	readonly label: string;
	/** Row numbers of the k nearest, nearest first. */
	search(query: Float32Array, k: number): ArrayLike<number> | Promise<ArrayLike<number>>;
}

export interface Opened {
	/** From coarse to fine, so that a time cap leaves out the slowest. */
	readonly settings: readonly Setting[];
	/** Bytes of the index for all rows, and how they are known. */
	readonly bytes: number;
	readonly bytesHow: string;
	/** Processor time of building, where that was in another process. */
	readonly cpuS?: number;
	/** And by how much that process grew, bytes. */
	readonly rss?: number;
	close?(): void | Promise<void>;
}

export interface Peer {
	/** Package and version, and what it does, in a few words. */
	readonly about: string;
	/** Rows at most: more would take it too long or too much memory. */
	readonly rows?: number;
	/** Knows no squared distance: 'cosine' makes the runner bring vectors to length 1 first. */
	readonly only?: 'cosine';
	/** Trains and fills; timed. */
	build(data: Data): Promise<Opened>;
}

/** A package by a name that the compiler does not follow: it may not be installed. */
export async function load<T>(name: string): Promise<T> {
	return (await import(name)) as T;
}
