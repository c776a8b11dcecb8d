/**
 * One JSON request to a server of embeddings, sent again when that can help: after 408, 409, 425, 429, 5xx, a broken
 * connection or no answer in time, with exponentially growing waits and jitter, or as long as `Retry-After` says.
 *
 * Errors name provider, status, the server's own words and what to do. Secrets that the caller gave (keys, tokens, header values)
 * are struck out of them, wherever they came from.
 */
import { VecinoError } from 'vecino';
import type { RateLimit } from './rate-limit.ts';
import { checkAborted, sleep } from './wait.ts';

/** How a provider is talked to. */
export interface Connection {
	/** Name in messages: 'OpenAI'. */
	readonly provider: string;
	readonly url: string;
	readonly headers: Readonly<Record<string, string>>;
	/** Texts that must not stand in a message. */
	readonly secrets: readonly string[];
	readonly fetch: typeof globalThis.fetch;
	/** How often a request is sent again. */
	readonly retries: number;
	/** How long to wait for one answer. */
	readonly timeoutMs: number;
	/** First wait before sending again; doubles each time. */
	readonly retryDelayMs: number;
	readonly limit: RateLimit;
	/** Called before each sending; `again` from the second on. */
	readonly onSend: (again: boolean) => void;
}

/** Longest wait between two tries that we choose; a server may ask for more. */
const MAX_DELAY_MS = 30_000;
/** Longest wait that a server may ask for; a longer one is an error at once. */
const MAX_RETRY_AFTER_MS = 300_000;
const RETRIED = new Set([408, 409, 425, 429]);

/** What came of one try. */
type Outcome =
	| { readonly answer: unknown }
	| { readonly failure: VecinoError; readonly retry: boolean; readonly waitMs?: number | undefined };

/** The parsed answer to `body`. `tokens`: about how many it will cost, for rate limits. */
export async function postJson(
	connection: Connection,
	body: unknown,
	tokens: number,
	signal: AbortSignal | undefined,
): Promise<unknown> {
	const text = JSON.stringify(body);
	for (let attempt = 0; ; attempt++) {
		await connection.limit.take(tokens, signal);
		checkAborted(signal);
		connection.onSend(attempt > 0);
		const outcome = await tryOnce(connection, text, signal);
		if ('answer' in outcome) return outcome.answer;
		const { failure, retry, waitMs } = outcome;
		if (!retry || attempt >= connection.retries || (waitMs ?? 0) > MAX_RETRY_AFTER_MS) throw failure;
		const backoff = Math.min(MAX_DELAY_MS, connection.retryDelayMs * 2 ** attempt);
		// Half of the wait is drawn, so that clients that failed together do not come back together.
		const ms = waitMs ?? backoff * (0.5 + 0.5 * Math.random());
		if (waitMs !== undefined) connection.limit.pause(ms);
		await sleep(ms, signal);
	}
}

async function tryOnce(connection: Connection, text: string, signal: AbortSignal | undefined): Promise<Outcome> {
	const timeout = new AbortController();
	const timer = setTimeout(() => timeout.abort(), connection.timeoutMs);
	try {
		const response = await connection.fetch(connection.url, {
			method: 'POST',
			headers: { 'content-type': 'application/json', accept: 'application/json', ...connection.headers },
			body: text,
			// A redirect would carry the key to another host.
			redirect: 'error',
			signal: signal === undefined ? timeout.signal : AbortSignal.any([signal, timeout.signal]),
		});
		const received = await response.text();
		if (!response.ok) return refused(connection, response, received);
		try {
			return { answer: JSON.parse(received) };
		} catch {
			const failure = embedderError(
				connection,
				`the answer is not JSON: ${excerpt(strike(received, connection.secrets))}; check the base URL`,
				response.status,
			);
			return { failure, retry: false };
		}
	} catch (cause) {
		checkAborted(signal);
		if (timeout.signal.aborted) {
			const failure = embedderError(
				connection,
				`no answer within ${connection.timeoutMs} ms; raise timeoutMs or make batchSize smaller`,
			);
			return { failure, retry: true };
		}
		const failure = embedderError(
			connection,
			`cannot reach ${hostOf(connection.url)}: ${strike(reasonOf(cause), connection.secrets)}; check that the server runs and the base URL is right`,
		);
		return { failure, retry: true };
	} finally {
		clearTimeout(timer);
	}
}

function refused(connection: Connection, response: Response, received: string): Outcome {
	const { status } = response;
	const said = serverMessage(strike(received, connection.secrets));
	const message = `status ${status}${said === '' ? '' : `: ${said}`}${adviceFor(status)}`;
	return {
		failure: embedderError(connection, message, status),
		// Out of quota comes as 429 too, and waiting does not help.
		retry: (RETRIED.has(status) && !/insufficient_quota/.test(received)) || status >= 500,
		waitMs: retryAfter(response.headers),
	};
}

/** A VecinoError 'embedder' with all secrets struck out. */
export function embedderError(
	{ provider, secrets }: Pick<Connection, 'provider' | 'secrets'>,
	message: string,
	status?: number,
): VecinoError {
	const text = `${provider}: ${strike(message, secrets)}`;
	return new VecinoError('embedder', text, status === undefined ? {} : { status });
}

/** Before anything is cut off: half a key is a key. */
function strike(text: string, secrets: readonly string[]): string {
	return secrets.reduce((struck, secret) => (secret.length < 4 ? struck : struck.replaceAll(secret, '***')), text);
}

function adviceFor(status: number): string {
	if (status === 401 || status === 403) return '; check the API key and what it is allowed to do';
	if (status === 404) return '; check the model and the base URL';
	if (status === 400 || status === 413 || status === 422)
		return '; check the model, or make texts or batchSize smaller';
	if (status === 429)
		return '; ask for less at a time (requestsPerMinute, tokensPerMinute, maxConcurrent) or raise your quota';
	return status >= 500 ? '; the server failed: try again later' : '';
}

/** The server's message: `{error: {message}}`, `{error}`, `{message}`, `{detail}`, or the text. */
function serverMessage(received: string): string {
	try {
		const parsed: unknown = JSON.parse(received);
		const found = (Array.isArray(parsed) ? parsed[0] : parsed) as Record<string, unknown> | null;
		const error = found?.['error'] ?? found?.['message'] ?? found?.['detail'];
		if (typeof error === 'string') return excerpt(error);
		const message = (error as Record<string, unknown> | undefined)?.['message'];
		if (typeof message === 'string') return excerpt(message);
	} catch {
		// Not JSON: said as it is.
	}
	return excerpt(received);
}

/** Milliseconds that the server asks to wait: `retry-after-ms`, `Retry-After` in seconds or as a date. */
function retryAfter(headers: Headers): number | undefined {
	const exact = Number.parseFloat(headers.get('retry-after-ms') ?? '');
	if (exact >= 0) return exact;
	const header = headers.get('retry-after');
	if (header === null) return undefined;
	const seconds = Number(header);
	if (header.trim() !== '' && seconds >= 0) return seconds * 1000;
	const date = Date.parse(header);
	return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

function excerpt(text: string): string {
	const line = text.replace(/\s+/g, ' ').trim();
	return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}

/** `fetch failed` says nothing; what is behind it does. */
function reasonOf(cause: unknown): string {
	const inner = (cause as { cause?: { code?: unknown; message?: unknown } } | null)?.cause;
	return String(inner?.code ?? inner?.message ?? (cause as Error | null)?.message ?? cause);
}

function hostOf(url: string): string {
	return new URL(url).host;
}
