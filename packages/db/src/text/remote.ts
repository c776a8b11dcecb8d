/**
 * An embedder on a server: what all providers share. A provider is a value (`Protocol`) that says where to ask, what to
 * send and how to read the answer.
 */
import { isVecinoError } from 'vecino';
import { checkInt, checkKeys, checkNumber, checkText, show } from '../check.ts';
import { embedInBatches, Usage } from './batches.ts';
import type { Embedder, EmbedOptions, EmbedUsage } from './embedder.ts';
import { RateLimit } from './rate-limit.ts';
import { type Connection, embedderError, postJson } from './request.ts';

/** What is put before every text; some models are trained with it ('search_query: ', 'passage: '). */
export interface EmbedPrefixes {
	/** Before texts that are searched with. */
	readonly query?: string | undefined;
	/** Before texts that are searched for. */
	readonly document?: string | undefined;
}

/** Options that all servers share. */
export interface RemoteOptions {
	/** Headers to send besides. Their values never stand in an error. */
	readonly headers?: Readonly<Record<string, string>> | undefined;
	/** Put before every text. Default: nothing. */
	readonly prefixes?: EmbedPrefixes | undefined;
	/** Most texts in one request, 1..2048. */
	readonly batchSize?: number | undefined;
	/** Most requests at a time, 1..64. Default: 4. */
	readonly maxConcurrent?: number | undefined;
	/** How often a request is sent again after 429, 5xx or a broken connection, 0..100. Default: 5. */
	readonly retries?: number | undefined;
	/** First wait before sending again, in milliseconds; it doubles each time, unless the server says how long. Default: 500. */
	readonly retryDelayMs?: number | undefined;
	/** How long to wait for one answer, in milliseconds. Default: 60,000. */
	readonly timeoutMs?: number | undefined;
	/** Requests per minute that the server allows. Default: no limit. */
	readonly requestsPerMinute?: number | undefined;
	/** Tokens per minute that the server allows, counted as characters / 4. Default: no limit. */
	readonly tokensPerMinute?: number | undefined;
	/** Price in US dollars, for `usage.cost`. */
	readonly pricePerMillionTokens?: number | undefined;
	/** What to fetch with. Default: the global `fetch`. */
	readonly fetch?: typeof globalThis.fetch | undefined;
}

/** Names of the options that all servers share. */
export const REMOTE_OPTIONS: readonly string[] = [
	'headers',
	'prefixes',
	'batchSize',
	'maxConcurrent',
	'retries',
	'retryDelayMs',
	'timeoutMs',
	'requestsPerMinute',
	'tokensPerMinute',
	'pricePerMillionTokens',
	'fetch',
];

/** What a server's answer holds. */
export interface Answer {
	readonly vectors: readonly ArrayLike<number>[];
	/** 0 where it does not say. */
	readonly tokens: number;
}

/** How one provider is spoken to. */
export interface Protocol {
	/** Name of the function that made it, for messages about arguments. */
	readonly where: string;
	/** Name in messages. */
	readonly provider: string;
	/** `Embedder.model`. */
	readonly model: string;
	/** Dimension that is asked for. */
	readonly dimensions: number | undefined;
	/** Whether the server itself treats queries differently. */
	readonly kinds?: boolean;
	readonly url: string;
	readonly headers: Readonly<Record<string, string>>;
	readonly secrets: readonly string[];
	/** Most texts in one request, unless the caller says. */
	readonly batchSize: number;
	/** What to send. */
	body(texts: readonly string[], kind: 'query' | 'document'): unknown;
	/** Reads the answer; what it throws or leaves out becomes an error. */
	read(answer: unknown, count: number): Answer;
	/** Whether a refused request may be tried in another form; changes what `body` gives. */
	adapt?(status: number | undefined, message: string): boolean;
}

/** An embedder that speaks `protocol`. */
export function remoteEmbedder(protocol: Protocol, options: RemoteOptions): Embedder {
	return new RemoteEmbedder(protocol, options);
}

class RemoteEmbedder implements Embedder {
	readonly model: string;
	readonly distinguishesKinds: boolean;
	readonly cacheKey: string;
	readonly #protocol: Protocol;
	readonly #connection: Connection;
	readonly #prefixes: EmbedPrefixes;
	readonly #batchSize: number;
	readonly #maxConcurrent: number;
	readonly #usage: Usage;
	#dimension: number | undefined;

	constructor(protocol: Protocol, options: RemoteOptions) {
		const { where, provider, model, url } = protocol;
		const { headers = {}, prefixes = {}, fetch = (...request) => globalThis.fetch(...request) } = options;
		const int = (name: keyof RemoteOptions, otherwise: number, min: number, max: number): number =>
			checkInt(where, name, options[name] ?? otherwise, min, max);
		const rate = (name: keyof RemoteOptions): number =>
			options[name] === undefined ? Number.POSITIVE_INFINITY : checkNumber(where, name, options[name], 1e-3, 1e12);
		const price = options.pricePerMillionTokens;
		if (price !== undefined) checkNumber(where, 'pricePerMillionTokens', price, 0, 1e9);
		this.model = model;
		this.distinguishesKinds = protocol.kinds === true || (prefixes.query ?? '') !== (prefixes.document ?? '');
		this.cacheKey = cacheKeyOf(model, protocol.dimensions, prefixes);
		this.#protocol = protocol;
		this.#prefixes = prefixes;
		this.#batchSize = int('batchSize', protocol.batchSize, 1, 2048);
		this.#maxConcurrent = int('maxConcurrent', 4, 1, 64);
		this.#usage = new Usage(price);
		this.#dimension = protocol.dimensions;
		this.#connection = {
			provider,
			url,
			headers: { ...protocol.headers, ...headers },
			secrets: [...protocol.secrets, ...Object.values(headers)],
			fetch,
			retries: int('retries', 5, 0, 100),
			timeoutMs: int('timeoutMs', 60_000, 1, 86_400_000),
			retryDelayMs: int('retryDelayMs', 500, 0, 600_000),
			limit: new RateLimit(rate('requestsPerMinute'), rate('tokensPerMinute')),
			onSend: (again) => {
				this.#usage.requests++;
				if (again) this.#usage.retries++;
			},
		};
	}

	get dimension(): number | undefined {
		return this.#dimension;
	}

	get usage(): EmbedUsage {
		return this.#usage.now();
	}

	async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
		const prefix = this.#prefixes[options.kind ?? 'document'] ?? '';
		const plan = {
			provider: this.#protocol.provider,
			batchSize: this.#batchSize,
			maxConcurrent: this.#maxConcurrent,
			dimension: () => this.#dimension,
			run: (batch: readonly string[]) => this.#ask(prefix === '' ? batch : batch.map((text) => prefix + text), options),
		};
		const vectors = await embedInBatches(plan, texts, options);
		this.#dimension ??= vectors[0]?.length;
		return vectors;
	}

	async #ask(texts: readonly string[], options: EmbedOptions): Promise<readonly ArrayLike<number>[]> {
		const protocol = this.#protocol;
		const kind = options.kind ?? 'document';
		const tokens = Math.ceil(texts.reduce((sum, text) => sum + text.length, 0) / 4);
		const send = (): Promise<unknown> => postJson(this.#connection, protocol.body(texts, kind), tokens, options.signal);
		const answer = await send().catch((error: unknown) => {
			if (!isVecinoError(error, 'embedder') || !protocol.adapt?.(error.status, error.message)) throw error;
			return send();
		});
		const { vectors, tokens: counted } = this.#read(answer, texts.length);
		this.#usage.texts += texts.length;
		this.#usage.tokens += counted;
		return vectors;
	}

	#read(answer: unknown, count: number): Answer {
		try {
			return this.#protocol.read(answer, count);
		} catch (error) {
			if (isVecinoError(error)) throw error;
			// A property of nothing: the answer has another form.
			const message = `the answer has not the form that the protocol promises: ${(error as Error).message}; check the base URL`;
			throw embedderError(this.#connection, message);
		}
	}
}

/** What distinguishes its vectors from others of the model. */
export function cacheKeyOf(model: string, dimensions: number | undefined, prefixes: EmbedPrefixes): string {
	const { query = '', document = '' } = prefixes;
	const prefixed = query === '' && document === '' ? '' : `;${JSON.stringify([query, document])}`;
	return `${model}${dimensions === undefined ? '' : `;${dimensions}`}${prefixed}`;
}

/** Checks an options object and its `model`, `dimensions`; `own`: the provider's other options. */
export function checkRemote(where: string, options: unknown, own: readonly string[]): void {
	if (options === undefined) throw new TypeError(`${where}: options must be an object with model, got undefined`);
	checkKeys(where, options, ['model', 'dimensions', 'baseUrl', ...own, ...REMOTE_OPTIONS]);
	const { model, dimensions } = options as { model?: unknown; dimensions?: unknown };
	checkText(where, 'model', model);
	if (dimensions !== undefined) checkInt(where, 'dimensions', dimensions, 1, 65_536);
}

/** `baseUrl` without a slash at its end, and the path behind it. */
export function joinUrl(where: string, baseUrl: unknown, path: string): string {
	const url = parseUrl(baseUrl);
	if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
		// Not shown: it may hold a password.
		const given = url !== null && url.username + url.password !== '' ? 'one with a password' : show(baseUrl);
		throw new TypeError(`${where}: baseUrl must be an http or https address without a password, got ${given}`);
	}
	return `${(baseUrl as string).replace(/\/+$/, '')}${path}`;
}

function parseUrl(text: unknown): URL | null {
	try {
		return typeof text === 'string' ? new URL(text) : null;
	} catch {
		return null;
	}
}

/** The `authorization` header of a key. */
export function bearer(where: string, apiKey: unknown): Record<string, string> {
	if (apiKey === undefined) return {};
	// Never shown, not even when it is wrong.
	if (typeof apiKey !== 'string' || apiKey === '' || /[^\x21-\x7e]/.test(apiKey)) {
		throw new TypeError(
			`${where}: apiKey must be a string of printable characters without spaces; is the variable set?`,
		);
	}
	return { authorization: `Bearer ${apiKey}` };
}
