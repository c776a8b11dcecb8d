/** Embedders on servers, against a local one that misbehaves in every way that real ones do. */
import { isVecinoError, type VecinoError } from 'vecino';
import { describe, expect, it } from 'vitest';
import { geminiEmbedder } from '../../src/text/providers/gemini.ts';
import { ollamaEmbedder } from '../../src/text/providers/ollama.ts';
import { type OpenAIEmbedderOptions, openAIEmbedder } from '../../src/text/providers/openai.ts';
import { type Asked, FakeServer, openAIAnswer, openAIAnswerOf, type Reply, vectorOf } from './support/server.ts';

const KEY = 'sk-very-secret-0123456789';
const texts = Array.from({ length: 23 }, (_, i) => String.fromCharCode(97 + i).repeat(i + 1));

function embedderAt(server: FakeServer, options: Partial<OpenAIEmbedderOptions> = {}) {
	return openAIEmbedder({ model: 'm', apiKey: KEY, baseUrl: `${server.url}/v1/`, retryDelayMs: 1, ...options });
}

/** The error of a promise, which must not know the key. */
async function errorOf(promise: Promise<unknown>): Promise<VecinoError> {
	const error = await promise.then(
		() => undefined,
		(caught: unknown) => caught,
	);
	if (!isVecinoError(error)) throw new Error(`not a VecinoError: ${error}`);
	const seen = `${error.message} ${error.stack} ${JSON.stringify(error)} ${String(error.cause)}`;
	expect(seen).not.toContain('very-secret');
	return error;
}

/** A promise and what keeps it. */
function gate(): { readonly promise: Promise<void>; readonly resolve: () => void } {
	let resolve = (): void => {};
	const promise = new Promise<void>((keep) => {
		resolve = keep;
	});
	return { promise, resolve };
}

/** Serves the first requests as listed, the others well. */
const first =
	(...replies: Reply[]) =>
	(asked: Asked, number: number): Reply =>
		replies[number] ?? openAIAnswer(asked);

describe('openAIEmbedder', () => {
	it.each(['base64', 'float'] as const)('embeds in batches, in order, as %s', async (encodingFormat) => {
		const together = gate();
		await using server = await FakeServer.start((asked, number) => {
			if (number === 2) together.resolve();
			return { ...openAIAnswer(asked), until: together.promise, after: 25 - asked.body.input[0].length };
		});
		const progress: number[] = [];
		const embedder = embedderAt(server, { batchSize: 4, maxConcurrent: 3, encodingFormat, pricePerMillionTokens: 20 });
		expect(embedder.dimension).toBeUndefined();
		const vectors = await embedder.embed(texts, { onProgress: ({ done }) => progress.push(done) });
		expect(vectors).toEqual(texts.map((text) => Float32Array.from(vectorOf(text))));
		expect(server.asked.map(({ body }) => body.input.length).sort()).toEqual([3, 4, 4, 4, 4, 4]);
		expect(server.asked[0]!.url).toBe('/v1/embeddings');
		expect(server.asked[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
		expect(server.peak).toBe(3);
		expect(progress.at(-1)).toBe(23);
		expect(embedder.dimension).toBe(3);
		expect(embedder.usage).toEqual({ texts: 23, requests: 6, tokens: 69, cost: 0.00138, cached: 0, retries: 0 });
	});

	it('embeds nothing without asking', async () => {
		await using server = await FakeServer.start(openAIAnswer);
		expect(await embedderAt(server).embed([])).toEqual([]);
		expect(server.asked.length).toBe(0);
	});

	it('takes numbers for base64, and asks for numbers where base64 is refused', async () => {
		await using floats = await FakeServer.start((asked) =>
			openAIAnswer({ ...asked, body: { ...asked.body, encoding_format: 'float' } }),
		);
		expect((await embedderAt(floats).embed(['four']))[0]).toEqual(Float32Array.of(4, 102, 0.5));
		await using strict = await FakeServer.start((asked) =>
			asked.body.encoding_format === 'base64'
				? { status: 422, body: { detail: 'unknown field encoding_format' } }
				: openAIAnswer(asked),
		);
		const embedder = embedderAt(strict, { batchSize: 4, maxConcurrent: 3 });
		expect((await embedder.embed(texts)).length).toBe(23);
		expect((await embedder.embed(['four']))[0]).toEqual(Float32Array.of(4, 102, 0.5));
		// The three that were on their way together were refused.
		expect(strict.asked.filter(({ body }) => body.encoding_format === 'base64').length).toBe(3);
	});

	it('asks for a dimension, puts prefixes before texts, and names both in its cache key', async () => {
		await using server = await FakeServer.start(openAIAnswer);
		const embedder = embedderAt(server, {
			dimensions: 3,
			prefixes: { query: 'q: ', document: 'd: ' },
			headers: { 'x-team': 'a' },
		});
		expect(embedder.dimension).toBe(3);
		await embedder.embed(['one'], { kind: 'query' });
		await embedder.embed(['one']);
		expect(server.asked.map(({ body }) => [body.dimensions, body.input[0]])).toEqual([
			[3, 'q: one'],
			[3, 'd: one'],
		]);
		expect(server.asked[0]!.headers['x-team']).toBe('a');
		expect([embedder.model, embedder.cacheKey, embedder.distinguishesKinds]).toEqual(['m', 'm;3;["q: ","d: "]', true]);
		expect(openAIEmbedder({ model: 'text-embedding-3-small' }).model).toBe('openai/text-embedding-3-small');
	});

	it('waits as long as a server says in seconds, in milliseconds or by a date', async () => {
		await using server = await FakeServer.start(
			first(
				{ status: 429, headers: { 'retry-after': '0.2' } },
				{ status: 429, headers: { 'retry-after-ms': '150', 'retry-after': '9' } },
				{ status: 503, headers: { 'retry-after': new Date(Date.now() + 1000).toUTCString() } },
			),
		);
		const embedder = embedderAt(server);
		await embedder.embed(['a']);
		const [a, b, c, d] = server.asked.map(({ at }) => at) as [number, number, number, number];
		expect(b - a).toBeGreaterThan(190);
		expect(c - b).toBeGreaterThan(140);
		expect(c - b).toBeLessThan(2000);
		expect(d - c).toBeLessThan(2000);
		expect(embedder.usage).toMatchObject({ requests: 4, retries: 3, texts: 1 });
	});

	it('does not wait for an hour because a server says so', async () => {
		await using server = await FakeServer.start(
			first({ status: 429, headers: { 'retry-after': '3600' }, body: { error: { message: 'daily limit' } } }),
		);
		const error = await errorOf(embedderAt(server).embed(['a']));
		expect([error.code, error.status]).toEqual(['embedder', 429]);
		expect(error.message).toMatch(/^127\.0\.0\.1:\d+: status 429: daily limit; ask for less at a time/);
	});

	it('tries again after 500, a broken connection and no answer in time', async () => {
		await using server = await FakeServer.start(
			first({ status: 500 }, { destroy: true }, { after: Number.POSITIVE_INFINITY }),
		);
		const embedder = embedderAt(server, { timeoutMs: 300 });
		expect((await embedder.embed(['four']))[0]).toEqual(Float32Array.of(4, 102, 0.5));
		expect(server.asked.length).toBe(4);
	});

	it('gives up after `retries`', async () => {
		await using server = await FakeServer.start(() => ({ status: 502, body: '<html>bad gateway</html>' }));
		const error = await errorOf(embedderAt(server, { retries: 2 }).embed(['a']));
		expect(server.asked.length).toBe(3);
		expect(error.message).toMatch(/status 502: <html>bad gateway<\/html>; the server failed/);
		await using slow = await FakeServer.start(() => ({ after: Number.POSITIVE_INFINITY }));
		const late = await errorOf(embedderAt(slow, { retries: 0, timeoutMs: 50 }).embed(['a']));
		expect(late.message).toContain('no answer within 50 ms; raise timeoutMs');
	});

	it('does not repeat what cannot succeed', async () => {
		await using server = await FakeServer.start((asked) => ({
			status: [400, 401, 404, 429][asked.body.input[0].length - 1]!,
			body: { error: { message: `no: ${asked.headers.authorization}`, code: 'insufficient_quota' } },
		}));
		for (const [text, status] of [
			['a', 400],
			['bb', 401],
			['ccc', 404],
			['dddd', 429],
		] as const) {
			const error = await errorOf(embedderAt(server).embed([text]));
			expect(error).toMatchObject({ code: 'embedder', status });
			expect(error.message).toContain('no: Bearer ***; ');
		}
		expect(server.asked.length).toBe(4);
	});

	it('strikes the key and header values out of long messages, of pages and of bad answers', async () => {
		const long = `${'x'.repeat(285)} ${KEY} and my-header-value`;
		for (const reply of [{ status: 400, body: long }, { body: long }]) {
			await using server = await FakeServer.start(() => reply);
			const error = await errorOf(embedderAt(server, { headers: { 'x-key': 'my-header-value' } }).embed(['a']));
			expect(error.message).not.toContain('sk-very');
			expect(error.message).not.toContain('my-header');
		}
	});

	it('says which server cannot be reached', async () => {
		const embedder = openAIEmbedder({
			model: 'm',
			apiKey: KEY,
			baseUrl: 'http://127.0.0.1:1/v1',
			retries: 1,
			retryDelayMs: 1,
		});
		const error = await errorOf(embedder.embed(['a']));
		expect(error.message).toMatch(/cannot reach 127\.0\.0\.1:1: .*; check that the server runs/);
	});

	it.each<[string, unknown, RegExp]>([
		['no JSON', '<html>welcome</html>', /not JSON: <html>welcome<\/html>; check the base URL/],
		['another form', { embeddings: [] }, /no array `data`/],
		['nothing', 'null', /not the form that the protocol promises/],
		['too few', { data: [] }, /0 vectors for 2 texts/],
		[
			'an index twice',
			{
				data: [
					{ index: 0, embedding: [1] },
					{ index: 0, embedding: [1] },
				],
			},
			/indices are not 0..1/,
		],
		[
			'an index too high',
			{
				data: [
					{ index: 0, embedding: [1] },
					{ index: 2, embedding: [1] },
				],
			},
			/indices/,
		],
		['an empty vector', { data: [{ embedding: [] }, { embedding: [] }] }, /a vector is empty/],
		['no vector', { data: [{}, {}] }, /a vector is empty/],
		['different dimensions', { data: [{ embedding: [1, 2] }, { embedding: [1] }] }, /dimension 2, got one of 1/],
		['half a number', { data: [{ embedding: 'AAA=' }, { embedding: 'AAA=' }] }, /has 2 bytes/],
		['no base64', { data: [{ embedding: '!' }, { embedding: '!' }] }, /form that the protocol promises/],
		['not a number', { data: [{ embedding: ['x', 1] }, { embedding: [1, 1] }] }, /holds NaN at position 0/],
		['infinity', { data: [{ embedding: 'AACAfw==' }, { embedding: 'AACAfw==' }] }, /holds Infinity/],
	])('refuses an answer with %s', async (_, body, message) => {
		await using server = await FakeServer.start(() => ({ body }));
		const embedder = embedderAt(server);
		const error = await errorOf(embedder.embed(['a', 'b']));
		expect(error.code).toBe('embedder');
		expect(error.message).toMatch(message);
		expect(server.asked.length).toBe(1);
		expect(embedder.dimension).toBeUndefined();
	});

	it('refuses a dimension that was not asked for, or changes between calls', async () => {
		await using server = await FakeServer.start((asked) => openAIAnswerOf(asked, (text) => text.split('').map(Number)));
		const asked = await errorOf(embedderAt(server, { dimensions: 2 }).embed(['123']));
		expect(asked).toMatchObject({ expected: 2, found: 3 });
		const embedder = embedderAt(server);
		await embedder.embed(['12']);
		expect(await errorOf(embedder.embed(['123']))).toMatchObject({ code: 'embedder', expected: 2, found: 3 });
	});

	it('stops when the signal fires: before, while asking, while waiting', async () => {
		await using server = await FakeServer.start(() => ({ after: Number.POSITIVE_INFINITY }));
		const before = await errorOf(embedderAt(server).embed(['a'], { signal: AbortSignal.abort() }));
		expect(before.code).toBe('aborted');
		expect(server.asked.length).toBe(0);
		const during = await errorOf(
			embedderAt(server, { batchSize: 1 }).embed(texts, { signal: AbortSignal.timeout(50) }),
		);
		expect(during.code).toBe('aborted');
		await using busy = await FakeServer.start(() => ({ status: 429, headers: { 'retry-after': '60' } }));
		const started = performance.now();
		const waiting = await errorOf(embedderAt(busy).embed(['a'], { signal: AbortSignal.timeout(50) }));
		expect(waiting.code).toBe('aborted');
		expect(performance.now() - started).toBeLessThan(5000);
	});

	it('hands over what was answered before a failure, and what was on its way', async () => {
		const fourth = gate();
		await using server = await FakeServer.start((asked, number) => {
			if (number === 3) fourth.resolve();
			const { length } = asked.body.input[0];
			if (length === 1) return openAIAnswer(asked);
			const failed = length === 2;
			return { ...(failed ? { status: 400 } : openAIAnswer(asked)), until: fourth.promise, after: failed ? 0 : 60 };
		});
		const rows: number[] = [];
		const run = embedderAt(server, { batchSize: 1, maxConcurrent: 3 }).embed(texts.slice(0, 8), {
			onVectors: (start, vectors) => {
				expect(vectors.length).toBe(1);
				rows.push(start);
			},
		});
		expect((await errorOf(run)).status).toBe(400);
		expect(rows.sort()).toEqual([0, 2, 3]);
		expect(server.asked.length).toBe(4);
	});

	it('keeps to requests and tokens per minute', async () => {
		await using server = await FakeServer.start(openAIAnswer);
		const time = async (options: object, some: string[]): Promise<number> => {
			const start = performance.now();
			await embedderAt(server, { batchSize: 1, ...options }).embed(some);
			return performance.now() - start;
		};
		expect(await time({ requestsPerMinute: 1200 }, ['a', 'b', 'c', 'd'])).toBeGreaterThan(145);
		// 40 characters are 10 tokens: 100 ms.
		expect(await time({ tokensPerMinute: 6000 }, ['a'.repeat(40), 'b'.repeat(40)])).toBeGreaterThan(95);
	});

	it('splits long texts over more requests', async () => {
		await using server = await FakeServer.start(openAIAnswer);
		await embedderAt(server).embed(Array.from({ length: 9 }, () => 'x'.repeat(90_000)));
		expect(server.asked.map(({ body }) => body.input.length).sort()).toEqual([1, 4, 4]);
	});

	it('checks arguments, and does not show a wrong key', async () => {
		await using server = await FakeServer.start(openAIAnswer);
		expect(await errorOf(embedderAt(server).embed(['a', '']))).toMatchObject({ code: 'embedder', row: 1 });
		await expect(embedderAt(server).embed('text' as unknown as string[])).rejects.toThrow(
			'texts must be an array of strings, got "text"',
		);
		await expect(embedderAt(server).embed([1] as unknown as string[])).rejects.toThrow(
			'texts[0] must be a string, got 1',
		);
		const make = (options: object) => () => openAIEmbedder({ model: 'm', ...options });
		expect(() => openAIEmbedder(undefined as unknown as OpenAIEmbedderOptions)).toThrow('options must be an object');
		expect(make({ model: '' })).toThrow('openAIEmbedder: model must be a non-empty string, got ""');
		expect(make({ apikey: KEY })).toThrow('unknown option "apikey"; known options are model, dimensions');
		expect(make({ apiKey: 'very secret\n' })).toThrow(
			/^openAIEmbedder: apiKey must be a string of printable characters without spaces; is the variable set\?$/,
		);
		expect(make({ baseUrl: 'ftp://x' })).toThrow('baseUrl must be an http or https address');
		expect(make({ baseUrl: 'http://me:very-secret@x' })).toThrow('got one with a password');
		expect(make({ batchSize: 0 })).toThrow('batchSize must be an integer in 1..2048, got 0');
		expect(make({ requestsPerMinute: 0 })).toThrow('requestsPerMinute must be in');
		expect(make({ dimensions: 1.5 })).toThrow('dimensions must be an integer');
	});
});

describe('ollamaEmbedder', () => {
	it('speaks /api/embed', async () => {
		await using server = await FakeServer.start(({ body }) => ({
			body: { model: body.model, embeddings: body.input.map(vectorOf), prompt_eval_count: 7 },
		}));
		const embedder = ollamaEmbedder({ model: 'nomic-embed-text', baseUrl: server.url, dimensions: 3 });
		expect((await embedder.embed(['four', 'sixsix']))[1]).toEqual(Float32Array.of(6, 115, 0.5));
		expect(server.asked[0]).toMatchObject({
			url: '/api/embed',
			body: { model: 'nomic-embed-text', input: ['four', 'sixsix'], dimensions: 3 },
		});
		expect(server.asked[0]!.headers.authorization).toBeUndefined();
		expect(embedder.usage!.tokens).toBe(7);
		expect(embedder.model).toBe('ollama/nomic-embed-text');
	});

	it('says what the server said', async () => {
		await using server = await FakeServer.start(() => ({
			status: 404,
			body: { error: 'model "x" not found, try pulling it first' },
		}));
		const error = await errorOf(ollamaEmbedder({ model: 'x', baseUrl: server.url }).embed(['a']));
		expect(error.message).toBe(
			'Ollama: status 404: model "x" not found, try pulling it first; check the model and the base URL',
		);
	});
});

describe('geminiEmbedder', () => {
	it('speaks :batchEmbedContents, with the kind as task and the key in a header', async () => {
		await using server = await FakeServer.start(({ body }) => ({
			body: {
				embeddings: body.requests.map((one: { content: { parts: { text: string }[] } }) => ({
					values: vectorOf(one.content.parts[0]!.text),
				})),
			},
		}));
		const embedder = geminiEmbedder({
			model: 'models/gemini-embedding-001',
			apiKey: KEY,
			baseUrl: `${server.url}/v1beta`,
			dimensions: 3,
		});
		expect((await embedder.embed(['four'], { kind: 'query' }))[0]).toEqual(Float32Array.of(4, 102, 0.5));
		await embedder.embed(['four']);
		expect(server.asked[0]!.url).toBe('/v1beta/models/gemini-embedding-001:batchEmbedContents');
		expect(server.asked[0]!.headers['x-goog-api-key']).toBe(KEY);
		expect(server.asked.map(({ body }) => body.requests[0].taskType)).toEqual([
			'RETRIEVAL_QUERY',
			'RETRIEVAL_DOCUMENT',
		]);
		expect(server.asked[0]!.body.requests[0]).toMatchObject({
			model: 'models/gemini-embedding-001',
			outputDimensionality: 3,
		});
		expect(embedder.distinguishesKinds).toBe(true);
	});

	it('says what the server said', async () => {
		await using server = await FakeServer.start(() => ({
			status: 400,
			body: [{ error: { code: 400, message: `API key not valid: ${KEY}` } }],
		}));
		const error = await errorOf(geminiEmbedder({ model: 'g', apiKey: KEY, baseUrl: server.url }).embed(['a']));
		expect(error.message).toContain('Gemini: status 400: API key not valid: ***;');
	});
});
