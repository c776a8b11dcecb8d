/** The worker: answers the page's calls with the engine. */

import { isVecinoError, type Progress } from 'vecino';
import type { FromWorker, ToWorker } from './protocol.ts';
import type { Run } from './session/data.ts';
import { Session } from './session/session.ts';

/** What a dedicated worker's global has; the page's types say Window. */
interface WorkerScope {
	onmessage: ((event: MessageEvent<ToWorker>) => void) | null;
	postMessage(message: FromWorker): void;
}

const scope = globalThis as unknown as WorkerScope;
const ready = Session.create();
const running = new Map<number, AbortController>();

scope.onmessage = ({ data }) => {
	if (data.call === 'cancel') {
		running.get(data.id)?.abort();
		return;
	}
	void answer(data);
};

async function answer({ id, call, request }: Exclude<ToWorker, { call: 'cancel' }>): Promise<void> {
	const controller = new AbortController();
	running.set(id, controller);
	const onProgress = (progress: Progress): void => scope.postMessage({ id, kind: 'progress', progress });
	try {
		const session = await ready;
		controller.signal.throwIfAborted();
		const handle = session.handlers[call] as (request: unknown, run: Run) => unknown;
		const result = await handle(request, { signal: controller.signal, onProgress });
		scope.postMessage({ id, kind: 'answer', answer: result });
	} catch (error) {
		const aborted = controller.signal.aborted;
		const code = aborted ? 'aborted' : isVecinoError(error) ? error.code : 'unexpected';
		scope.postMessage({ id, kind: 'error', message: error instanceof Error ? error.message : String(error), code });
	} finally {
		running.delete(id);
	}
}
