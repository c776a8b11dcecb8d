/** Embedders around what other libraries made, duck-typed as their interfaces say. */
import { describe, expect, it } from 'vitest';
import { aiSdkEmbedder, langchainEmbedder, pipelineEmbedder } from '../../src/text/providers/adapters.ts';
import { vectorOf } from './support/server.ts';

const texts = Array.from({ length: 7 }, (_, i) => 'x'.repeat(i + 1));
const expected = texts.map((text) => Float32Array.from(vectorOf(text)));

describe('pipelineEmbedder', () => {
	it('runs the pipeline in batches with pooling and unit length', async () => {
		const calls: unknown[] = [];
		const pipeline = async (batch: string[], options: unknown) => {
			calls.push([batch.length, options]);
			return { data: Float32Array.from(batch.flatMap(vectorOf)), dims: [batch.length, 3] };
		};
		const embedder = pipelineEmbedder(pipeline, { model: 'mini', batchSize: 3 });
		expect(await embedder.embed(texts)).toEqual(expected);
		expect(calls).toEqual([3, 3, 1].map((n) => [n, { pooling: 'mean', normalize: true }]));
		expect([embedder.model, embedder.dimension]).toEqual(['mini', 3]);
	});

	it('refuses tensors of another form, and bad arguments', async () => {
		const tokens = async (batch: string[]) => ({
			data: new Float32Array(batch.length * 6),
			dims: [batch.length, 2, 3],
		});
		await expect(pipelineEmbedder(tokens, { model: 'm' }).embed(['a'])).rejects.toThrow(
			'm: the pipeline gave a tensor of [1, 2, 3] for 1 texts',
		);
		expect(() => pipelineEmbedder({} as never, { model: 'm' })).toThrow('pipeline must be a function');
		expect(() => pipelineEmbedder(tokens, { model: 'm', batchSize: 0 })).toThrow('batchSize');
	});
});

describe('aiSdkEmbedder', () => {
	it.each([
		['v2', 3, true],
		['v4', Promise.resolve(3), Promise.resolve(false)],
	] as const)(
		'asks a %s model within its limits',
		async (specificationVersion, maxEmbeddingsPerCall, supportsParallelCalls) => {
			const sizes: number[] = [];
			const model = {
				specificationVersion,
				provider: 'mock',
				modelId: 'm',
				maxEmbeddingsPerCall,
				supportsParallelCalls,
				doEmbed: async ({ values }: { values: string[] }) => {
					sizes.push(values.length);
					return { embeddings: values.map(vectorOf), usage: { tokens: 2 } };
				},
			};
			const embedder = aiSdkEmbedder(model);
			expect(await embedder.embed(texts)).toEqual(expected);
			expect(sizes).toEqual([3, 3, 1]);
			expect(embedder.usage).toMatchObject({ texts: 7, requests: 3, tokens: 6 });
		},
	);

	it('tries again what the SDK calls retryable, passes the signal, and wraps errors', async () => {
		let failures = 1;
		let signal: AbortSignal | undefined;
		const model = {
			provider: 'mock',
			modelId: 'm',
			doEmbed: async ({ values, abortSignal }: { values: string[]; abortSignal?: AbortSignal }) => {
				signal = abortSignal;
				if (failures-- > 0) throw Object.assign(new Error('busy'), { isRetryable: true });
				if (values[0] === 'bad') throw Object.assign(new Error('no such model'), { isRetryable: false });
				return { embeddings: values.map(vectorOf) };
			},
		};
		const embedder = aiSdkEmbedder(model);
		const controller = new AbortController();
		expect(await embedder.embed(['x'], { signal: controller.signal })).toEqual([expected[0]]);
		expect(signal).toBe(controller.signal);
		expect(embedder.usage).toMatchObject({ requests: 2, retries: 1 });
		await expect(embedder.embed(['bad'])).rejects.toMatchObject({ code: 'embedder', message: 'mock/m: no such model' });
		expect(() => aiSdkEmbedder({} as never)).toThrow('with doEmbed');
	});
});

describe('langchainEmbedder', () => {
	it('asks for documents and for queries', async () => {
		const embeddings = {
			embedDocuments: async (batch: string[]) => batch.map(vectorOf),
			embedQuery: async () => [1, 2, 3],
		};
		const embedder = langchainEmbedder(embeddings, { model: 'm' });
		expect(await embedder.embed(texts)).toEqual(expected);
		expect(await embedder.embed(['x'], { kind: 'query' })).toEqual([Float32Array.of(1, 2, 3)]);
		expect(embedder.distinguishesKinds).toBe(true);
		expect(() => langchainEmbedder({} as never, { model: 'm' })).toThrow('embedDocuments and embedQuery');
	});
});
