/**
 * The thread that does the work of the background (build-task.ts): one request at a time, answered in turn.
 */

import { parentPort } from 'node:worker_threads';
import { isVecinoError } from 'vecino';
import { type BuildWork, UnknownModel, Workbench } from './build-task.ts';

/** What the thread is asked. */
export interface BuildRequest {
	readonly id: number;
	readonly method: keyof BuildWork;
	readonly task: unknown;
}

/** What it answers. */
export interface BuildReply {
	readonly id: number;
	readonly result?: unknown;
	/** The task failed. */
	readonly error?: { readonly message: string; readonly code: string | undefined; readonly unknownModel: boolean };
}

/** The thread has nothing else to do. */
const SLICE_MS = 1000;

const port = parentPort;
if (port !== null) {
	const bench = new Workbench(SLICE_MS);
	let last: Promise<void> = Promise.resolve();
	port.on('message', (request: BuildRequest) => {
		last = last.then(async () => {
			const reply = await answer(bench, request);
			port.postMessage(reply, buffersOf(reply.result));
		});
	});
}

async function answer(bench: Workbench, { id, method, task }: BuildRequest): Promise<BuildReply> {
	try {
		return { id, result: await bench[method](task as never) };
	} catch (error) {
		const { message } = error as Error;
		const code = isVecinoError(error) ? error.code : undefined;
		return { id, error: { message, code, unknownModel: error instanceof UnknownModel } };
	}
}

/** Buffers of a result, handed over instead of copied. */
function buffersOf(result: unknown): ArrayBuffer[] {
	const buffers = new Set<ArrayBuffer>();
	const visit = (value: unknown): void => {
		if (ArrayBuffer.isView(value)) buffers.add(value.buffer as ArrayBuffer);
		else if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) visit(inner);
	};
	visit(result);
	return [...buffers];
}
