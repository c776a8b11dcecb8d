/** The page's side of the worker: calls as promises, and `latest`, for calls of which only the newest matters. */

import type { Progress } from 'vecino';
import type { AnswerOf, CallName, FromWorker, RequestOf, ToWorker } from './protocol.ts';

export interface CallOptions {
	readonly signal?: AbortSignal | undefined;
	readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What went wrong in the worker: the engine's message and code. */
export class CallError extends Error {
	readonly code: string;

	constructor(message: string, code: string) {
		super(message);
		this.name = 'CallError';
		this.code = code;
	}

	static isAborted(error: unknown): boolean {
		return error instanceof CallError && error.code === 'aborted';
	}
}

interface Waiting {
	resolve(answer: unknown): void;
	reject(error: Error): void;
	readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** What of a Worker the client needs. */
export interface WorkerLike {
	onmessage: ((event: MessageEvent<FromWorker>) => void) | null;
	onerror: ((event: ErrorEvent) => void) | null;
	postMessage(message: ToWorker): void;
}

export class Client {
	readonly #worker: WorkerLike;
	readonly #waiting = new Map<number, Waiting>();
	#nextId = 1;

	constructor(worker: WorkerLike) {
		this.#worker = worker;
		worker.onmessage = ({ data }) => this.#receive(data);
		worker.onerror = (event) => {
			const error = new CallError(event.message || 'the worker could not be started', 'unexpected');
			for (const waiting of this.#waiting.values()) waiting.reject(error);
			this.#waiting.clear();
		};
	}

	call<N extends CallName>(call: N, request: RequestOf<N>, options: CallOptions = {}): Promise<AnswerOf<N>> {
		const { signal, onProgress } = options;
		if (signal?.aborted) return Promise.reject(new CallError('cancelled', 'aborted'));
		const id = this.#nextId++;
		const cancel = (): void => this.#worker.postMessage({ id, call: 'cancel' });
		return new Promise<AnswerOf<N>>((resolve, reject) => {
			this.#waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject, onProgress });
			signal?.addEventListener('abort', cancel);
			this.#worker.postMessage({ id, call, request } as ToWorker);
		}).finally(() => signal?.removeEventListener('abort', cancel));
	}

	/**
	 * A call of which only the newest matters: while one is under way the next waits, and is replaced by one that comes
	 * later. A replaced call is never answered.
	 */
	latest<N extends CallName>(
		call: N,
		onAnswer: (answer: AnswerOf<N>, request: RequestOf<N>) => void,
		onError: (error: unknown) => void,
	): (request: RequestOf<N>) => void {
		let busy = false;
		let next: RequestOf<N> | undefined;
		const run = async (request: RequestOf<N>): Promise<void> => {
			busy = true;
			try {
				const answer = await this.call(call, request);
				onAnswer(answer, request);
			} catch (error) {
				onError(error);
			}
			busy = false;
			const waiting = next;
			next = undefined;
			if (waiting !== undefined) void run(waiting);
		};
		return (request) => {
			if (busy) next = request;
			else void run(request);
		};
	}

	#receive(message: FromWorker): void {
		const waiting = this.#waiting.get(message.id);
		if (waiting === undefined) return;
		if (message.kind === 'progress') {
			waiting.onProgress?.(message.progress);
			return;
		}
		this.#waiting.delete(message.id);
		if (message.kind === 'answer') waiting.resolve(message.answer);
		else waiting.reject(new CallError(message.message, message.code));
	}
}
