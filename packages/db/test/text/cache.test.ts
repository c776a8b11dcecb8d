/** Nothing is paid for twice. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cachedEmbedder, memoryEmbeddingStore } from '../../src/text/cache.ts';
import type { Embedder, EmbeddingStore } from '../../src/text/embedder.ts';
import { offlineEmbedder } from '../../src/text/offline/offline.ts';
import { openAIEmbedder } from '../../src/text/providers/openai.ts';
import { sha256 } from '../../src/text/sha256.ts';
import { FakeServer, openAIAnswer, vectorOf } from './support/server.ts';

/** A model that remembers what it embedded. */
function counting(options: Partial<Embedder> = {}): Embedder & { readonly asked: string[] } {
	const asked: string[] = [];
	return {
		model: 'm',
		dimension: undefined,
		embed: async (texts) => {
			asked.push(...texts);
			return texts.map((text) => Float32Array.from(vectorOf(text)));
		},
		asked,
		...options,
	};
}

const expected = (texts: string[]) => texts.map((text) => Float32Array.from(vectorOf(text)));

describe('cachedEmbedder', () => {
	it('asks for each text once, also within a call', async () => {
		const store = memoryEmbeddingStore();
		const model = counting();
		const embedder = cachedEmbedder(model, store);
		expect(await embedder.embed(['b', 'a', 'b', 'b'])).toEqual(expected(['b', 'a', 'b', 'b']));
		expect(model.asked).toEqual(['b', 'a']);
		expect(await embedder.embed(['c', 'a', 'b'])).toEqual(expected(['c', 'a', 'b']));
		expect(model.asked).toEqual(['b', 'a', 'c']);
		expect(embedder.usage!.cached).toBe(2);
		// In another run.
		const later = counting();
		const again = cachedEmbedder(later, store);
		expect(await again.embed(['a', 'b', 'c'])).toEqual(expected(['a', 'b', 'c']));
		expect(later.asked).toEqual([]);
		expect(again.dimension).toBe(3);
	});

	it('gives vectors that may be changed', async () => {
		const embedder = cachedEmbedder(counting(), memoryEmbeddingStore());
		const [first, second] = await embedder.embed(['a', 'a']);
		first!.fill(0);
		expect(second).toEqual(expected(['a'])[0]);
		(await embedder.embed(['a']))[0]!.fill(0);
		expect(await embedder.embed(['a'])).toEqual(expected(['a']));
	});

	it('keeps models, dimensions and kinds apart, kinds only where the model does', async () => {
		const store = memoryEmbeddingStore();
		for (const options of [{}, { model: 'other' }, { cacheKey: 'm;2' }]) {
			const model = counting(options);
			await cachedEmbedder(model, store).embed(['a'], { kind: 'query' });
			await cachedEmbedder(model, store).embed(['a'], { kind: 'document' });
			expect(model.asked).toEqual(['a']);
		}
		const both = counting({ model: 'both', distinguishesKinds: true });
		await cachedEmbedder(both, store).embed(['a'], { kind: 'query' });
		await cachedEmbedder(both, store).embed(['a']);
		await cachedEmbedder(both, store).embed(['a'], { kind: 'document' });
		expect(both.asked).toEqual(['a', 'a']);
	});

	it('asks again for a vector of another dimension', async () => {
		const store = memoryEmbeddingStore();
		await store.putMany('m', [sha256('a')], [Float32Array.of(1, 2)]);
		const model = counting({ dimension: 3 });
		expect(await cachedEmbedder(model, store).embed(['a'])).toEqual(expected(['a']));
		expect(model.asked).toEqual(['a']);
	});

	it('stores each batch as it is answered: a failure later costs nothing again', async () => {
		await using server = await FakeServer.start((asked, number) =>
			number === 2 ? { status: 400 } : openAIAnswer(asked),
		);
		const remote = openAIEmbedder({ model: 'm', baseUrl: server.url, batchSize: 2, maxConcurrent: 1 });
		const store = memoryEmbeddingStore();
		const texts = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
		await expect(cachedEmbedder(remote, store).embed(texts)).rejects.toMatchObject({ code: 'embedder', status: 400 });
		const rows: number[] = [];
		const done: number[] = [];
		const vectors = await cachedEmbedder(remote, store).embed(texts, {
			onVectors: (start, some) => {
				for (let i = 0; i < some.length; i++) rows.push(start + i);
			},
			onProgress: (progress) => done.push(progress.done),
		});
		expect(vectors).toEqual(expected(texts));
		expect(server.asked.map(({ body }) => body.input.join(''))).toEqual(['ab', 'cd', 'ef', 'ef', 'g']);
		expect(rows.sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
		expect(done).toEqual([4, 6, 7]);
	});

	it('loses nothing that was answered before an abort', async () => {
		const controller = new AbortController();
		await using server = await FakeServer.start((asked, number) => {
			if (number === 2) controller.abort();
			return number === 2 ? { after: Number.POSITIVE_INFINITY } : openAIAnswer(asked);
		});
		const remote = openAIEmbedder({ model: 'm', baseUrl: server.url, batchSize: 1, maxConcurrent: 1 });
		const embedder = cachedEmbedder(remote, memoryEmbeddingStore());
		await expect(embedder.embed(['a', 'b', 'c'], { signal: controller.signal })).rejects.toMatchObject({
			code: 'aborted',
		});
		await embedder.embed(['a', 'b', 'c']);
		expect(server.asked.map(({ body }) => body.input[0])).toEqual(['a', 'b', 'c', 'c']);
	});

	it('asks once for what several calls want at the same time', async () => {
		const model = counting();
		const embedder = cachedEmbedder(model, memoryEmbeddingStore());
		const calls = [['a', 'b'], ['b', 'c'], ['c', 'a', 'd'], ['a']];
		const found = await Promise.all(calls.map((texts) => embedder.embed(texts)));
		expect(found).toEqual(calls.map(expected));
		expect(model.asked.sort()).toEqual(['a', 'b', 'c', 'd']);
	});

	it('asks itself when the call that it waited for failed, and stops waiting when aborted', async () => {
		const asked: string[][] = [];
		let fail = (_: Error): void => {};
		const model = counting({
			embed: async (texts) => {
				asked.push([...texts]);
				if (asked.length === 1) await new Promise((_, reject) => (fail = reject));
				return expected([...texts]);
			},
		});
		const embedder = cachedEmbedder(model, memoryEmbeddingStore());
		const first = embedder.embed(['a', 'b']);
		const second = embedder.embed(['b']);
		const third = embedder.embed(['b'], { signal: AbortSignal.timeout(30) });
		await expect(third).rejects.toMatchObject({ code: 'aborted' });
		fail(new Error('broken'));
		await expect(first).rejects.toThrow('broken');
		expect(await second).toEqual(expected(['b']));
		expect(asked).toEqual([['a', 'b'], ['b']]);
	});

	it('says when store and model have different dimensions', async () => {
		const store = memoryEmbeddingStore();
		await store.putMany('m', [sha256('a')], [Float32Array.of(1, 2)]);
		const embedder = cachedEmbedder(counting(), store);
		await expect(embedder.embed(['a', 'b'])).rejects.toMatchObject({ code: 'embedder', expected: 2, found: 3 });
	});

	it('waits for slow stores, and asks them for a thousand at a time', async () => {
		const memory = memoryEmbeddingStore();
		const sizes: number[] = [];
		const slow: EmbeddingStore = {
			getMany: async (space, hashes) => {
				sizes.push(hashes.length);
				return memory.getMany(space, hashes);
			},
			putMany: async (space, hashes, vectors) => memory.putMany(space, hashes, vectors),
		};
		const texts = Array.from({ length: 2500 }, (_, i) => `text ${i}`);
		const model = counting();
		await cachedEmbedder(model, slow).embed(texts);
		expect(sizes).toEqual([1024, 1024, 452]);
		expect(await cachedEmbedder(model, slow).embed(texts)).toEqual(expected(texts));
		expect(model.asked.length).toBe(2500);
	});

	it('leaves an embedder that learns as it is, and checks its arguments', () => {
		const offline = offlineEmbedder();
		expect(cachedEmbedder(offline, memoryEmbeddingStore())).toBe(offline);
		expect(() => cachedEmbedder({} as Embedder, memoryEmbeddingStore())).toThrow('embedder must be an Embedder');
		expect(() => cachedEmbedder(counting(), {} as EmbeddingStore)).toThrow('store must have getMany and putMany');
	});
});

describe('sha256', () => {
	it('is that of node:crypto', () => {
		const truth = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');
		for (const length of [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 1000])
			expect(sha256('é'.repeat(length))).toBe(truth('é'.repeat(length)));
		fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => sha256(text) === truth(text)));
	});
});
