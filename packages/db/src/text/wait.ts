/** Waiting and stopping. */
import { VecinoError } from 'vecino';

/** Throws VecinoError 'aborted' when the signal has fired. */
export function checkAborted(signal: AbortSignal | undefined): void {
	if (!signal?.aborted) return;
	throw new VecinoError('aborted', 'the operation was aborted', { cause: signal.reason });
}

/** Waits; throws 'aborted' as soon as the signal fires. */
export async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
	checkAborted(signal);
	await new Promise<void>((resolve) => {
		const end = (): void => {
			clearTimeout(timer);
			signal?.removeEventListener('abort', end);
			resolve();
		};
		const timer = setTimeout(end, ms);
		signal?.addEventListener('abort', end);
	});
	checkAborted(signal);
}

/** Waits for `promise`; throws 'aborted' as soon as the signal fires. */
export async function abortable(promise: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
	checkAborted(signal);
	let stop = (): void => {};
	const fired = new Promise<void>((resolve) => {
		stop = resolve;
	});
	signal?.addEventListener('abort', stop);
	await Promise.race([promise, fired]).finally(() => signal?.removeEventListener('abort', stop));
	checkAborted(signal);
}
