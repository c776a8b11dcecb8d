/**
 * Many texts in batches, several at a time, their vectors in order and checked.
 *
 * When a batch fails, no new one is begun, but those on their way are waited for and handed to `onVectors`: they are paid
 * for. Then the first error is thrown. When the caller aborts, the batches on their way are aborted too.
 */
import { VecinoError } from 'vecino';
import { checkTexts } from '../check.ts';
import type { EmbedOptions, EmbedUsage } from './embedder.ts';
import { checkAborted } from './wait.ts';

/** How texts are embedded in batches. */
export interface BatchPlan {
	/** Name in messages. */
	readonly provider: string;
	/** Most texts in a batch. */
	readonly batchSize: number;
	/** Most batches at a time. */
	readonly maxConcurrent: number;
	/** Dimension that is asked for or known, undefined before the first answer. */
	dimension(): number | undefined;
	/** Vectors of one batch. */
	run(texts: readonly string[], options: EmbedOptions): Promise<readonly ArrayLike<number>[]>;
}

/** Most characters in a batch: servers take some 300,000 tokens at a time. */
const MAX_CHARACTERS = 400_000;

/** Vectors of the texts, in order, all finite and of one dimension. */
export async function embedInBatches(
	plan: BatchPlan,
	texts: readonly string[],
	options: EmbedOptions,
): Promise<Float32Array[]> {
	checkTexts('Embedder.embed', texts);
	checkAborted(options.signal);
	const { onProgress, onVectors, signal } = options;
	const empty = texts.indexOf('');
	if (empty >= 0) {
		const message = `${plan.provider}: texts[${empty}] is empty; models take no empty texts: leave it out`;
		throw new VecinoError('embedder', message, { row: empty });
	}
	const vectors = new Array<Float32Array>(texts.length);
	const batches = split(texts, plan.batchSize);
	let next = 0;
	let done = 0;
	let failed: { readonly error: unknown } | undefined;
	let dimension = plan.dimension();
	const work = async (): Promise<void> => {
		while (next < batches.length && failed === undefined) {
			const [start, end] = batches[next++]!;
			try {
				checkAborted(signal);
				const answer = await plan.run(texts.slice(start, end), options);
				dimension ??= answer[0]?.length;
				const found = checkVectors(plan.provider, answer, end - start, dimension);
				for (const [i, vector] of found.entries()) vectors[start + i] = vector;
				await onVectors?.(start, found);
				done += found.length;
				onProgress?.({ done, total: texts.length });
			} catch (error) {
				failed ??= { error };
			}
		}
	};
	await Promise.all(Array.from({ length: Math.min(plan.maxConcurrent, batches.length) }, work));
	if (failed !== undefined) {
		checkAborted(signal);
		throw (failed as { error: unknown }).error;
	}
	return vectors;
}

/** Pairs of first row and row after the last. */
function split(texts: readonly string[], batchSize: number): (readonly [number, number])[] {
	const out: (readonly [number, number])[] = [];
	let start = 0;
	let characters = 0;
	for (const [i, text] of texts.entries()) {
		if (i > start && (i - start >= batchSize || characters + text.length > MAX_CHARACTERS)) {
			out.push([start, i]);
			start = i;
			characters = 0;
		}
		characters += text.length;
	}
	if (start < texts.length) out.push([start, texts.length]);
	return out;
}

function checkVectors(
	provider: string,
	answer: readonly ArrayLike<number>[],
	count: number,
	dimension: number | undefined,
): Float32Array[] {
	if (!Array.isArray(answer) || answer.length !== count) {
		throw wrong(provider, `asked for ${count} vectors, got ${Array.isArray(answer) ? answer.length : 'none'}`);
	}
	return answer.map((row: ArrayLike<number>) => {
		if (typeof row !== 'object' || row === null || !(row.length > 0)) throw wrong(provider, 'a vector is empty');
		if (row.length !== dimension) {
			const message = `${provider}: asked for vectors of dimension ${dimension}, got one of ${row.length}; was the model changed?`;
			throw new VecinoError('embedder', message, { expected: dimension!, found: row.length });
		}
		const vector = row instanceof Float32Array ? row : Float32Array.from(row as ArrayLike<number>);
		for (let i = 0; i < vector.length; i++) {
			if (!Number.isFinite(vector[i]!)) throw wrong(provider, `a vector holds ${vector[i]} at position ${i}`);
		}
		return vector;
	});
}

function wrong(provider: string, what: string): VecinoError {
	return new VecinoError('embedder', `${provider}: ${what}; the server's answer is not what its protocol promises`);
}

/** Counts what an embedder does. */
export class Usage {
	texts = 0;
	requests = 0;
	tokens = 0;
	retries = 0;
	readonly #price: number | undefined;

	/** @param price - US dollars for a million tokens. */
	constructor(price?: number | undefined) {
		this.#price = price;
	}

	/** The counts now. */
	now(): EmbedUsage {
		const { texts, requests, tokens, retries } = this;
		const cost = this.#price === undefined ? undefined : (tokens * this.#price) / 1e6;
		return { texts, requests, tokens, cost, cached: 0, retries };
	}
}
