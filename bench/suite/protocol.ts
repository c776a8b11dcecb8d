/**
 * What the suite asks of an engine: one JSON command a line, one JSON reply a line. Each engine runs in a process of its
 * own (worker.ts, worker.py) on the same core; only one of them works at a time.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';

export type Mode = 'single' | 'batch';

/** Search parameters; those that an index has no use for are ignored. */
export interface Params {
	readonly nprobe?: number;
	readonly kFactor?: number;
}

export interface EngineInfo {
	readonly engine: string;
	/** Kernels in use, or FAISS's compile options. */
	readonly build: string;
	readonly runtime: string;
	readonly blas?: readonly string[];
}

export interface Size {
	readonly ntotal: number;
	/** Resident bytes by component. */
	readonly bytes: Readonly<Record<string, number>>;
}

export interface Built extends Size {
	readonly trainS: number;
	readonly addS: number;
	/** Processor time of both. */
	readonly cpuS: number;
	/** Growth of the process. */
	readonly rss: number;
}

/** Times of one round. */
export interface Round {
	/** Single: one per query. Batch: one. */
	readonly ns: readonly number[];
	/** Processor time of the round. */
	readonly cpuNs: number;
	readonly count: number;
	/** Where asked for, those of the first nq queries, layout (nq, k). */
	readonly labels?: readonly number[];
}

export interface Commands {
	info: [Record<never, never>, EngineInfo];
	load: [{ base: string; queries: string; d: number; metric: 'l2' | 'ip' }, Record<never, never>];
	/** Trains on the first `trainRows`, adds the first `rows` (default: all). */
	build: [{ config: string; rows?: number; trainRows?: number }, Built];
	/** Adds the rest. */
	add: [Record<never, never>, Size & { addS: number }];
	drop: [Record<never, never>, Record<never, never>];
	search: [Params & { mode: Mode; k: number; count: number; labels?: boolean }, Round];
	/** What a call costs in which there is nothing to search; not part of the engine. */
	overhead: [{ k: number; count: number }, Round];
	/** The ranking of all cells alone. */
	coarse: [{ k: number; count: number }, Round];
	/** Codes scanned per query, mean. */
	scanned: [{ nprobe: number }, { codes: number }];
	/** Size of the index file. */
	file: [Record<never, never>, { bytes: number }];
}

/** A command that the engine refused, such as a configuration it does not have. */
export class Refused extends Error {}

export interface WorkerOptions {
	/** Core to run on; undefined: any. */
	readonly core: string | undefined;
	readonly environment?: Readonly<Record<string, string>>;
}

export class Worker {
	readonly name: string;
	readonly #child: ChildProcessByStdio<Writable, Readable, null>;
	readonly #lines: AsyncIterator<string>;

	/** @param command - Program and arguments. */
	constructor(name: string, command: readonly string[], { core, environment }: WorkerOptions) {
		this.name = name;
		const [program, ...args] = core === undefined ? command : ['taskset', '-c', core, ...command];
		const env = { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1', ...environment };
		this.#child = spawn(program!, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
		this.#child.on('error', () => {});
		this.#child.stdin.on('error', () => {});
		this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
	}

	async ask<K extends keyof Commands>(command: K, args: Commands[K][0]): Promise<Commands[K][1]> {
		this.#child.stdin.write(`${JSON.stringify({ do: command, ...args })}\n`);
		const { value, done } = await this.#lines.next();
		if (done) throw new Error(`${this.name} ended while it was asked to ${command}`);
		const reply = JSON.parse(value) as Commands[K][1] & { error?: string };
		if (reply.error !== undefined) throw new Refused(`${this.name}: ${command}: ${reply.error}`);
		return reply;
	}

	close(): void {
		this.#child.stdin.end();
		this.#child.kill();
	}
}

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** vecino on the kernels named ('auto': the best there are). */
export function vecinoWorker(name: string, kernels: string, core: string | undefined): Worker {
	return new Worker(name, [process.execPath, script('worker.ts'), kernels], { core });
}

export function faissWorker(python: string, core: string | undefined): Worker {
	return new Worker('FAISS', [python, script('worker.py')], { core });
}
