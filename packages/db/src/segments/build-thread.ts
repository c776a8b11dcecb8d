/**
 * Where the work of the background is done: on a thread of its own, which starts with the first task and ends when it has
 * had none for a while, so that its memory is given back; in slices on this thread where there are no threads.
 *
 * A thread that dies fails the task it was at; the next task starts another. A thread keeps the process alive only while
 * somebody waits for it.
 */

import { Worker } from 'node:worker_threads';
import { VecinoError, type VecinoErrorCode } from 'vecino';
import {
	type BuildWork,
	type CompactTask,
	type DecodeTask,
	type Encoded,
	type EncodeTask,
	type ModelBytes,
	type TrainTask,
	type Truth,
	type TruthTask,
	UnknownModel,
	Workbench,
} from './build-task.ts';
import type { BuildReply, BuildRequest } from './builder.ts';

/** Does the work somewhere. */
export interface Builder extends BuildWork {
	/** Keeps the process alive while work is under way, or not. */
	hold(held: boolean): void;
	/** Ends at once; work under way fails. */
	close(): Promise<void>;
}

/** A thread with nothing to do ends after this. */
const IDLE_MS = 10_000;
/** So many threads that never did anything, and the work is done here: there are none, or not this program. */
const STILLBORN = 2;

interface Waiting {
	resolve(result: unknown): void;
	reject(error: unknown): void;
}

/** The work on a thread. */
export class ThreadBuilder implements Builder {
	readonly #url: URL;
	readonly #idleMs: number;
	#worker: Worker | undefined;
	readonly #waiting = new Map<number, Waiting>();
	#id = 0;
	#held = false;
	#idle: NodeJS.Timeout | undefined;
	/** Tasks that were answered by any thread, and threads that ended before that. */
	#answers = 0;
	#stillborn = 0;
	#instead: SlicedBuilder | undefined;
	/** The model that the thread has. */
	#model: string | undefined;

	/** @param url - The program of the thread. Default: builder.ts beside this file. */
	constructor(url: URL = programUrl(), idleMs: number = IDLE_MS) {
		this.#url = url;
		this.#idleMs = idleMs;
	}

	/** Whether a thread is running. */
	get running(): boolean {
		return this.#worker !== undefined;
	}

	train(task: TrainTask): Promise<Uint8Array> {
		return this.#ask<Uint8Array>('train', task, [task.sample.buffer]);
	}

	encode(task: EncodeTask): Promise<Encoded> {
		return this.#with(task.model, (model) => this.#ask<Encoded>('encode', { ...task, model }, [task.vectors.buffer]));
	}

	compact(task: CompactTask): Promise<Uint8Array> {
		// Files in memory are not to be handed over: they are copied.
		return this.#with(task.model, (model) => this.#ask<Uint8Array>('compact', { ...task, model }, []));
	}

	decode(task: DecodeTask): Promise<Float32Array> {
		return this.#ask<Float32Array>('decode', task, []);
	}

	truth(task: TruthTask): Promise<Truth> {
		return this.#ask<Truth>('truth', task, [task.rows.buffer]);
	}

	hold(held: boolean): void {
		this.#held = held;
		if (held) this.#worker?.ref();
		else this.#worker?.unref();
	}

	async close(): Promise<void> {
		clearTimeout(this.#idle);
		const worker = this.#worker;
		this.#fail(new VecinoError('aborted', 'the builder thread was ended'));
		await worker?.terminate();
		await this.#instead?.close();
	}

	/** Leaves the bytes of the model out where the thread has it. */
	#with<T>({ name, bytes }: ModelBytes, ask: (model: ModelBytes) => Promise<T>): Promise<T> {
		const known = this.#worker !== undefined && this.#model === name && this.#stillborn < STILLBORN;
		this.#model = name;
		return ask(known ? { name } : { name, bytes });
	}

	#ask<T>(method: keyof BuildWork, task: unknown, transfer: ArrayBufferLike[]): Promise<T> {
		clearTimeout(this.#idle);
		if (this.#stillborn >= STILLBORN) {
			this.#instead ??= new SlicedBuilder();
			return this.#instead[method](task as never) as Promise<T>;
		}
		const id = ++this.#id;
		return new Promise<T>((resolve, reject) => {
			try {
				const worker = this.#start();
				this.#waiting.set(id, { resolve: resolve as (result: unknown) => void, reject });
				const request: BuildRequest = { id, method, task };
				worker.postMessage(request, transfer as ArrayBuffer[]);
			} catch (error) {
				this.#waiting.delete(id);
				reject(error);
			}
		});
	}

	#start(): Worker {
		if (this.#worker !== undefined) return this.#worker;
		const worker = new Worker(this.#url, { name: 'vecino builder' });
		this.#worker = worker;
		worker.on('message', (reply: BuildReply) => this.#answered(reply));
		worker.on('error', (cause) => {
			const message = `the builder thread ended: ${(cause as Error).message}`;
			if (this.#worker === worker) this.#fail(new VecinoError('worker-died', message, { cause }));
		});
		worker.on('exit', (code) => {
			const message = `the builder thread ended (exit code ${code})`;
			if (this.#worker === worker) this.#fail(new VecinoError('worker-died', message));
		});
		if (!this.#held) worker.unref();
		return worker;
	}

	#answered({ id, result, error }: BuildReply): void {
		const waiting = this.#waiting.get(id);
		this.#waiting.delete(id);
		this.#answers++;
		// Who knows how far it came.
		if (error !== undefined) this.#model = undefined;
		if (this.#waiting.size === 0) this.#rest();
		if (error === undefined) waiting?.resolve(result);
		else if (error.unknownModel) waiting?.reject(new UnknownModel());
		else if (error.code === undefined) waiting?.reject(new Error(error.message));
		else waiting?.reject(new VecinoError(error.code as VecinoErrorCode, error.message));
	}

	/** Ends the thread if nothing comes for a while. */
	#rest(): void {
		this.#idle = setTimeout(() => {
			const worker = this.#worker;
			this.#worker = undefined;
			this.#model = undefined;
			void worker?.terminate();
		}, this.#idleMs);
		this.#idle.unref();
	}

	#fail(error: VecinoError): void {
		if (error.code === 'worker-died' && this.#answers === 0) this.#stillborn++;
		this.#worker = undefined;
		this.#model = undefined;
		const waiting = [...this.#waiting.values()];
		this.#waiting.clear();
		for (const { reject } of waiting) reject(error);
	}
}

/** The work in slices, between which the event loop turns. */
export class SlicedBuilder implements Builder {
	readonly #bench: Workbench;
	#last: Promise<unknown> = Promise.resolve();

	constructor(sliceMs = 4) {
		this.#bench = new Workbench(sliceMs);
	}

	train(task: TrainTask): Promise<Uint8Array> {
		return this.#next(() => this.#bench.train(task));
	}

	encode(task: EncodeTask): Promise<Encoded> {
		return this.#next(() => this.#bench.encode(task));
	}

	compact(task: CompactTask): Promise<Uint8Array> {
		return this.#next(() => this.#bench.compact(task));
	}

	decode(task: DecodeTask): Promise<Float32Array> {
		return this.#next(() => this.#bench.decode(task));
	}

	truth(task: TruthTask): Promise<Truth> {
		return this.#next(() => this.#bench.truth(task));
	}

	hold(): void {}

	async close(): Promise<void> {
		await this.#last.catch(() => {});
		this.#bench[Symbol.dispose]();
	}

	#next<T>(work: () => Promise<T>): Promise<T> {
		const next = this.#last.catch(() => {}).then(work);
		this.#last = next;
		return next;
	}
}

/** The program beside this file, compiled as this one is. */
function programUrl(): URL {
	return import.meta.url.endsWith('.ts')
		? new URL('./builder.ts', import.meta.url)
		: new URL('./builder.js', import.meta.url);
}
