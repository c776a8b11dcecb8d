/**
 * One thread: a worker of Node (worker_threads) or of the web, with the same few methods. Its program is held as text, so
 * that bundlers need no configuration and a page no further file.
 */

/**
 * The first message brings module and memory, each later one a task (tape.ts). The answer is '' when done, or what went
 * wrong. No other code of the engine runs in a worker.
 */
const PROGRAM = `'use strict';
{
	const port = globalThis.process?.getBuiltinModule?.('node:worker_threads')?.parentPort;
	const answer = (text) => (port ?? globalThis).postMessage(text);
	let kernels = [];
	const receive = (message) => {
		try {
			if (message.module) {
				const { exports } = new WebAssembly.Instance(message.module, { env: { memory: message.memory } });
				kernels = Object.values(exports).filter((kernel) => typeof kernel === 'function');
			} else {
				for (let at = 0; at < message.length; ) {
					const kernel = kernels[message[at]];
					const end = at + 2 + message[at + 1];
					const args = [];
					for (at += 2; at < end; at++) args.push(message[at]);
					kernel(...args);
				}
			}
			answer('');
		} catch (error) {
			answer(String(error));
		}
	};
	if (port) port.on('message', receive);
	else globalThis.onmessage = ({ data }) => receive(data);
}`;

export interface ThreadEvents {
	/** The answer to a message; answers come in the order of the messages. */
	answer(text: string): void;
	/** The thread has ended and will not answer any more. */
	gone(cause: unknown): void;
}

export interface Thread {
	send(message: unknown): void;
	/** Whether the thread keeps the process alive (Node). */
	keepAlive(alive: boolean): void;
	/** Ends the thread without further events. */
	stop(): void;
}

/** What is used of a worker of Node; these types must not need those of Node. */
interface NodeWorker {
	postMessage(message: unknown): void;
	on(event: string, listener: (value: unknown) => void): void;
	removeAllListeners(): void;
	ref(): void;
	unref(): void;
	terminate(): Promise<number>;
}

interface NodeWorkers {
	readonly Worker: new (code: string, options: object) => NodeWorker;
}

/**
 * Starts a thread.
 *
 * @param url - Web only: where the page serves the program (workerProgram), when its policy forbids workers from blobs.
 */
export function startThread(events: ThreadEvents, url?: string | URL): Thread {
	const node = nodeWorkers();
	return node === undefined ? startWebThread(events, url) : startNodeThread(node, events);
}

/** Why there are no threads here; undefined when there are. */
export function whyNoThreads(): string | undefined {
	const { crossOriginIsolated, Worker } = globalThis as { crossOriginIsolated?: boolean; Worker?: unknown };
	if (typeof SharedArrayBuffer === 'undefined' || crossOriginIsolated === false)
		return 'memory cannot be shared here; in a browser, serve the page with the headers Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp';
	if (nodeWorkers() === undefined && typeof Worker !== 'function') return 'this runtime has no workers';
	return undefined;
}

/**
 * The program of a worker, for pages that serve it under a URL of their own (`workerUrl`).
 *
 * @example
 * // A page that forbids workers from blobs serves this text, say as /vecino-worker.js, and says so:
 * // createEngine({ threads: 'auto', workerUrl: '/vecino-worker.js' })
 * console.log(workerProgram().startsWith("'use strict'")); // true
 */
export function workerProgram(): string {
	return PROGRAM;
}

function nodeWorkers(): NodeWorkers | undefined {
	type Process = { getBuiltinModule?(name: string): object | undefined };
	const { process } = globalThis as { process?: Process };
	return process?.getBuiltinModule?.('node:worker_threads') as NodeWorkers | undefined;
}

function startNodeThread({ Worker }: NodeWorkers, events: ThreadEvents): Thread {
	// No flags: those of the process may name loaders, or the kind of text that is evaluated.
	const worker = new Worker(PROGRAM, { eval: true, execArgv: [], name: 'vecino' });
	let cause: unknown;
	worker.on('message', (text) => events.answer(text as string));
	worker.on('error', (error) => {
		cause = error;
	});
	worker.on('exit', (code) => events.gone(cause ?? new Error(`the worker ended with code ${code}`)));
	return {
		send: (message) => worker.postMessage(message),
		keepAlive: (alive) => (alive ? worker.ref() : worker.unref()),
		stop() {
			worker.removeAllListeners();
			worker.on('error', () => {});
			void worker.terminate();
		},
	};
}

function startWebThread(events: ThreadEvents, url: string | URL | undefined): Thread {
	const source = url ?? URL.createObjectURL(new Blob([PROGRAM], { type: 'text/javascript' }));
	const worker = new Worker(source, { name: 'vecino' });
	const release = (): void => {
		if (url === undefined) URL.revokeObjectURL(source as string);
	};
	const stop = (): void => {
		release();
		worker.onmessage = worker.onerror = worker.onmessageerror = null;
		worker.terminate();
	};
	const fail = (event: Event): void => {
		stop();
		const unknown =
			"the worker could not be started (a content security policy without 'blob:' needs the option workerUrl)";
		events.gone(new Error((event as ErrorEvent).message || unknown));
	};
	worker.onmessage = ({ data }) => {
		release();
		events.answer(data as string);
	};
	worker.onerror = fail;
	worker.onmessageerror = fail;
	return { send: (message) => worker.postMessage(message), keepAlive: () => {}, stop };
}
