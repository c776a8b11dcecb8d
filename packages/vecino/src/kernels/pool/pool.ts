/**
 * Threads over one shared memory. Tasks go to whichever thread is free; each has one more waiting, so that it does not
 * idle while an answer is under way (35 to 55 microseconds there and back).
 *
 * A run settles only when none of its tasks is at work any more, whatever happened: then its memory may be freed.
 * A thread that ends fails all runs under way, and the next run starts another in its place.
 */

import { VecinoError } from '../../errors.ts';
import { checkAborted } from '../../util/steps.ts';
import type { Tape, Task } from './tape.ts';
import { startThread, type Thread } from './thread.ts';

/** Tasks of a thread: one at work, one waiting. */
const DEPTH = 2;
/** Multiply-adds, or bytes read, of a task that takes a few milliseconds. */
const GRAIN = 2 ** 26;

interface Run {
	readonly tasks: readonly Task[];
	readonly signal: AbortSignal | undefined;
	readonly resolve: () => void;
	readonly reject: (error: unknown) => void;
	/** The first task that no thread has been given. */
	next: number;
	/** Tasks given to threads and not answered. */
	inFlight: number;
	/** Why no further tasks are given out; an object, so that any reason can be told from none. */
	failure: { readonly error: unknown } | undefined;
}

interface Member {
	readonly thread: Thread;
	/** Runs of the tasks that it was given, in order; undefined stands for its set-up. */
	readonly queue: (Run | undefined)[];
}

export interface PoolOptions {
	readonly threads: number;
	/** Imports a shared memory. */
	readonly module: WebAssembly.Module;
	readonly memory: WebAssembly.Memory;
	readonly tape: Tape;
	readonly workerUrl?: string | URL | undefined;
}

export class Pool {
	readonly threads: number;
	readonly tape: Tape;
	/** How large a task is to be, in multiply-adds or bytes read. Results do not depend on it; tests make it small. */
	grain: number = GRAIN;
	readonly #options: PoolOptions;
	#members: Member[] = [];
	/** Runs under way, oldest first. */
	#runs: Run[] = [];
	#disposed = false;
	/** Called when a set-up is answered or fails. */
	#onSetUp: ((failure?: { error: unknown }) => void) | undefined;

	constructor(options: PoolOptions) {
		this.threads = options.threads;
		this.tape = options.tape;
		this.#options = options;
	}

	/** Starts the threads; rejects when one cannot be started. */
	async start(): Promise<void> {
		try {
			await new Promise<void>((resolve, reject) => {
				let missing = this.threads;
				this.#onSetUp = (failure) => {
					if (failure !== undefined) reject(failure.error);
					else if (--missing === 0) resolve();
				};
				this.#fill();
			});
		} catch (error) {
			this.dispose();
			throw error;
		} finally {
			this.#onSetUp = undefined;
		}
		this.#keepAlive();
	}

	/**
	 * Runs all tasks, which must not touch each other's memory. On `signal` no further task starts.
	 *
	 * @throws {VecinoError} `aborted`, `worker-died`, `disposed`; in any case when the last task at work has ended.
	 */
	async run(tasks: readonly Task[], signal?: AbortSignal): Promise<void> {
		if (this.#disposed) throw disposed();
		checkAborted(signal);
		if (tasks.length === 0) return;
		this.#fill();
		await new Promise<void>((resolve, reject) => {
			this.#runs.push({ tasks, signal, resolve, reject, next: 0, inFlight: 0, failure: undefined });
			if (this.#runs.length === 1) this.#keepAlive();
			this.#giveOut();
		});
	}

	/** Ends the threads, as soon as their tasks under way have ended; runs under way fail with `disposed`. Twice is once. */
	dispose(): void {
		if (this.#disposed) return;
		this.#disposed = true;
		this.#failAll(disposed());
		if (this.#runs.length === 0) this.#stop();
	}

	/** Starts the threads that are missing. */
	#fill(): void {
		const { module, memory, workerUrl } = this.#options;
		while (this.#members.length < this.threads) {
			const queue: (Run | undefined)[] = [undefined];
			const thread = startThread(
				{ answer: (text) => this.#answered(member, text), gone: (cause) => this.#lost(member, cause) },
				workerUrl,
			);
			const member: Member = { thread, queue };
			this.#members.push(member);
			thread.send({ module, memory });
		}
	}

	#answered(member: Member, text: string): void {
		const run = member.queue.shift();
		if (run === undefined) {
			if (text === '') this.#onSetUp?.();
			else {
				member.thread.stop();
				this.#lost(member, new Error(text));
			}
			return;
		}
		run.inFlight--;
		if (text !== '') run.failure ??= { error: new Error(`internal: a kernel failed in a worker: ${text}`) };
		this.#settle(run);
		this.#giveOut();
	}

	#lost(member: Member, cause: unknown): void {
		const at = this.#members.indexOf(member);
		if (at < 0) return;
		this.#members.splice(at, 1);
		for (const run of member.queue) if (run !== undefined) run.inFlight--;
		const reason = cause instanceof Error ? cause.message : String(cause);
		const message = `a worker thread of the engine ended: ${reason}; what was under way has failed and nothing was changed by it, so it can be tried again`;
		const error = new VecinoError('worker-died', message, { cause });
		this.#onSetUp?.({ error: cause });
		this.#failAll(error);
	}

	/** No run gives out further tasks; each settles when the last of its tasks has ended. */
	#failAll(error: unknown): void {
		for (const run of [...this.#runs]) {
			run.failure ??= { error };
			this.#settle(run);
		}
	}

	#giveOut(): void {
		for (let depth = 1; depth <= DEPTH; depth++) {
			for (const { thread, queue } of this.#members) {
				if (queue.length >= depth) continue;
				const run = this.#nextRun();
				if (run === undefined) return;
				queue.push(run);
				run.inFlight++;
				thread.send(run.tasks[run.next++]);
			}
		}
	}

	/** The oldest run that has a task to give out. */
	#nextRun(): Run | undefined {
		for (const run of [...this.#runs]) {
			if (run.failure !== undefined || run.next === run.tasks.length) continue;
			try {
				checkAborted(run.signal);
				return run;
			} catch (error) {
				run.failure = { error };
				this.#settle(run);
			}
		}
		return undefined;
	}

	/** Ends a run that has nothing at work and nothing more to do. */
	#settle(run: Run): void {
		if (run.inFlight > 0 || (run.failure === undefined && run.next < run.tasks.length)) return;
		const at = this.#runs.indexOf(run);
		if (at < 0) return;
		this.#runs.splice(at, 1);
		if (run.failure === undefined) run.resolve();
		else run.reject(run.failure.error);
		if (this.#runs.length > 0) return;
		if (this.#disposed) this.#stop();
		else this.#keepAlive();
	}

	/** Idle threads do not keep a process alive. */
	#keepAlive(): void {
		for (const { thread } of this.#members) thread.keepAlive(this.#runs.length > 0);
	}

	#stop(): void {
		for (const { thread } of this.#members) thread.stop();
		this.#members = [];
	}
}

function disposed(): VecinoError {
	return new VecinoError('disposed', 'the engine was disposed: it has no threads any more');
}
