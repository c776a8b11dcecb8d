/** The embedder without a model: same bytes, misspelt words, states that were tampered with. */
import { createHash } from 'node:crypto';
import { innerProduct, isVecinoError } from 'vecino';
import { describe, expect, it } from 'vitest';
import { isFittedEmbedder } from '../../src/text/embedder.ts';
import { HEADLINES } from '../../src/text/headlines.ts';
import { crc32c } from '../../src/text/offline/crc.ts';
import { gramsOf } from '../../src/text/offline/grams.ts';
import { strongestDirections } from '../../src/text/offline/lsa.ts';
import { log2 } from '../../src/text/offline/numbers.ts';
import { type OfflineEmbedderOptions, offlineEmbedder } from '../../src/text/offline/offline.ts';
import { Pace } from '../../src/text/offline/pace.ts';
import { units, wordsOf } from '../../src/text/offline/words.ts';

const texts = HEADLINES.map(({ headline }) => headline);
const bytesOf = (vectors: readonly Float32Array[]) =>
	Buffer.concat(vectors.map(({ buffer }) => new Uint8Array(buffer as ArrayBuffer)));

async function fitted(options: OfflineEmbedderOptions = { dimension: 128 }) {
	const embedder = offlineEmbedder(options);
	await embedder.fit(texts);
	return embedder;
}

async function* slowly(some: readonly string[]): AsyncGenerator<string> {
	for (const text of some) {
		await Promise.resolve();
		yield text;
	}
}

const embedder = await fitted();
const state = embedder.save();
const vectors = await embedder.embed(texts);

/** Headlines nearest to a text. */
async function nearest(query: string, k = 3): Promise<string[]> {
	const [q] = await embedder.embed([query]);
	const products = vectors.map((vector) => innerProduct(vector, q!));
	const order = texts.map((_, i) => i).sort((a, b) => products[b]! - products[a]! || a - b);
	return order.slice(0, k).map((i) => texts[i]!);
}

describe('offlineEmbedder', () => {
	it('says what it is', async () => {
		const fresh = offlineEmbedder();
		expect([fresh.model, fresh.dimension, fresh.version]).toEqual(['offline/ngram-lsa', 512, 0]);
		expect(isFittedEmbedder(fresh)).toBe(true);
		expect(embedder.version).toBe(1);
		expect(embedder.usage).toMatchObject({ requests: 0, cost: 0 });
	});

	it('gives vectors of unit length, zeros for texts without words', async () => {
		for (const vector of vectors) expect(Math.abs(innerProduct(vector, vector) - 1)).toBeLessThan(1e-5);
		for (const one of [embedder, offlineEmbedder({ dimension: 128 })]) {
			const [empty, signs, word, emoji, cjk] = await one.embed(['', ' ?! ', 'a', '🏃', '東京']);
			expect([empty, signs].map((vector) => vector!.some((x) => x !== 0))).toEqual([false, false]);
			for (const vector of [word, emoji, cjk]) expect(Math.abs(innerProduct(vector!, vector!) - 1)).toBeLessThan(1e-5);
		}
	});

	it('learns the same from the same texts: bytes of state and vectors', async () => {
		const again = offlineEmbedder({ dimension: 128 });
		await again.fit(slowly(texts), { sliceMs: 0 });
		expect(Buffer.compare(again.save(), state)).toBe(0);
		expect(Buffer.compare(bytesOf(await again.embed(texts)), bytesOf(vectors))).toBe(0);
		const other = await fitted({ dimension: 128, seed: 5 });
		expect(Buffer.compare(other.save(), state)).not.toBe(0);
	});

	it('learns the same on every machine', () => {
		// Recorded with Node 24 on x86-64.
		const digest = createHash('sha256').update(state).update(bytesOf(vectors)).digest('hex').slice(0, 16);
		expect(digest).toBe('0a0b40f4b61233aa');
	});

	it('is the same after save and load, takes over dimension and seed, and refuses others', async () => {
		const loaded = offlineEmbedder();
		loaded.load(state);
		expect([loaded.dimension, loaded.version]).toEqual([128, 1]);
		expect(Buffer.compare(loaded.save(), state)).toBe(0);
		expect(Buffer.compare(bytesOf(await loaded.embed(texts)), bytesOf(vectors))).toBe(0);
		await loaded.fit(texts);
		expect(loaded.version).toBe(2);
		expect(Buffer.compare(bytesOf(await loaded.embed(texts)), bytesOf(vectors))).toBe(0);
		const fresh = offlineEmbedder({ dimension: 64 });
		const unfitted = fresh.save();
		fresh.load(unfitted);
		expect(() => fresh.load(state)).toThrow('the state has dimension 128, the embedder was made with 64');
		expect(() => offlineEmbedder({ seed: 9 }).load(state)).toThrow('the state has seed 1234');
		expect(fresh.dimension).toBe(64);
	});

	it('finds misspelt, inflected and shortened words', async () => {
		expect((await nearest('marathon winner'))[0]).toContain('Marathon winner');
		expect(await nearest('volcanos erupton')).toContain('Thousands flee as volcano erupts');
		expect((await nearest('centrl bank intrest rats'))[0]).toContain('Central bank raises interest rates');
		expect((await nearest('teleskope watervapor plannet'))[0]).toContain('water vapour');
	});

	it('finds three in four headlines by two misspelt words', async () => {
		let found = 0;
		for (const [i, text] of texts.entries()) {
			const words = wordsOf(text)
				.filter((word) => word.length >= 6)
				.slice(0, 2);
			if (words.length < 2) continue;
			const misspelt = words
				.map((word, j) => word.slice(0, 2 + ((i + j) % 3)) + word.slice(3 + ((i + j) % 3)))
				.join(' ');
			found += (await nearest(misspelt, 5)).includes(text) ? 1 : 0;
		}
		const tried = texts.filter((text) => wordsOf(text).filter((word) => word.length >= 6).length >= 2).length;
		// Recorded: 218 of 277.
		expect(found / tried).toBeGreaterThan(0.75);
	});

	it('gives words of the same company like meanings', async () => {
		// Two topics of 40 words; a text has five of one topic.
		const letter = (i: number) => String.fromCharCode(97 + (i % 26));
		const words = Array.from({ length: 80 }, (_, i) => letter(i) + letter(i * 7 + 3) + letter(i >> 3) + letter(i * 11));
		const some = Array.from({ length: 600 }, (_, i) =>
			Array.from({ length: 5 }, (_, j) => words[40 * (i % 2) + ((i * (j + 3) + j * 11 + (i >> 4)) % 40)]).join(' '),
		);
		const company = offlineEmbedder({ dimension: 64 });
		await company.fit(some);
		const K = new DataView(company.save().buffer).getUint32(32, true);
		expect(K).toBe(16);
		const meanings = (await company.embed(words)).map((vector) => vector.subarray(64 - K));
		const mean = (alike: boolean): number => {
			const pairs = meanings.flatMap((a, i) =>
				meanings.slice(i + 1).map((b, j) => [a, b, i < 40 === i + 1 + j < 40] as const),
			);
			const products = pairs.filter(([, , same]) => same === alike).map(([a, b]) => innerProduct(a, b));
			return products.reduce((sum, x) => sum + x, 0) / products.length;
		};
		expect(mean(true)).toBeGreaterThan(mean(false) + 0.02);
	});

	it('works on nothing and on a few texts', async () => {
		for (const some of [[], ['one'], ['same', 'same', 'same'], texts.slice(0, 40)]) {
			const small = offlineEmbedder({ dimension: 64 });
			await small.fit(some);
			small.load(small.save());
			const [a] = await small.embed(['one headline']);
			expect(Math.abs(innerProduct(a!, a!) - 1)).toBeLessThan(1e-5);
		}
	});

	it('embeds words of texts that came after the fit', async () => {
		const [a, b, c] = await embedder.embed(['zyzzyva', 'zyzzyvas', 'qqqkkkwww']);
		expect(innerProduct(a!, b!)).toBeGreaterThan(0.5);
		expect(Math.abs(innerProduct(a!, c!))).toBeLessThan(0.4);
	});

	it('folds case, accents and widths', async () => {
		const [a, b, c] = await embedder.embed(['Café ＡＢＣ', 'cafe abc', 'CAFÉ ABC']);
		expect(a).toEqual(b);
		expect(b).toEqual(c);
	});

	it('works in slices, reports, and can be stopped, the old state kept', async () => {
		const one = await fitted();
		const phases = new Set<string>();
		let turns = 0;
		const timer = setInterval(() => turns++, 0);
		await one.fit(texts, { sliceMs: 1, onProgress: ({ phase }) => phases.add(phase) });
		clearInterval(timer);
		expect([...phases]).toEqual(['read', 'count', 'decompose']);
		expect(turns).toBeGreaterThan(3);
		const before = one.save();
		const controller = new AbortController();
		const run = one.fit(texts, {
			sliceMs: 0,
			signal: controller.signal,
			onProgress: ({ phase }) => phase === 'decompose' && controller.abort(),
		});
		await expect(run).rejects.toMatchObject({ code: 'aborted' });
		expect(Buffer.compare(one.save(), before)).toBe(0);
		await expect(one.embed(texts, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
	});

	it('learns meaning from a sample, in any order of many texts, and from a vocabulary of its size', async () => {
		const small = offlineEmbedder({ dimension: 64, sample: 100, vocabulary: 50 });
		await small.fit(texts);
		const again = offlineEmbedder({ dimension: 64, sample: 100, vocabulary: 50 });
		await again.fit(texts);
		expect(Buffer.compare(small.save(), again.save())).toBe(0);
		const header = new DataView(small.save().buffer);
		expect([header.getUint32(28, true), header.getUint32(32, true)]).toEqual([50, 12]);
	});

	it('checks its arguments', async () => {
		expect(() => offlineEmbedder({ dimension: 8 })).toThrow('dimension must be an integer in 16..4096, got 8');
		expect(() => offlineEmbedder({ dimension: 18 })).toThrow('dimension must be a multiple of 4, got 18');
		expect(() => offlineEmbedder({ sead: 1 } as object)).toThrow('unknown option "sead"');
		await expect(embedder.embed([undefined] as unknown as string[])).rejects.toThrow('texts[0] must be a string');
	});
});

describe('states that were tampered with', () => {
	const refused = (bytes: Uint8Array): boolean => {
		const one = offlineEmbedder();
		try {
			one.load(bytes);
			return false;
		} catch (error) {
			if (!isVecinoError(error, 'corrupt-data', 'unsupported-version')) throw error;
			return one.version === 0;
		}
	};

	it('are refused when cut short, longer, or changed in one bit anywhere', () => {
		for (let length = 0; length < state.length; length += length < 64 ? 1 : 7919)
			expect(refused(state.subarray(0, length))).toBe(true);
		expect(refused(Buffer.concat([state, new Uint8Array(1)]))).toBe(true);
		for (let at = 0; at < state.length; at += at < 64 ? 1 : 7919) {
			for (const bit of [0, 7]) {
				const changed = state.slice();
				changed[at]! ^= 1 << bit;
				expect(refused(changed)).toBe(true);
			}
		}
	});

	it('are refused when their header lies with a right checksum', () => {
		for (let field = 3; field < 10; field++) {
			for (const value of [0, 1, 7, 2 ** 20 + 1, 2 ** 31, 2 ** 32 - 1]) {
				const changed = state.slice();
				const view = new DataView(changed.buffer);
				view.setUint32(4 * field, value, true);
				view.setUint32(8, crc32c(changed, 12), true);
				// A version and a seed may be any; a dimension that K fits in, too; more texts than words occur in, too.
				const free = (field === 3 && value > 0) || field === 5 || (field === 6 && value >= 2 ** 20);
				expect([field, value, refused(changed)]).toEqual([field, value, !free]);
			}
		}
	});

	it('are told apart from newer ones', () => {
		const newer = state.slice();
		new DataView(newer.buffer).setUint32(4, 2, true);
		expect(() => offlineEmbedder().load(newer)).toThrow('has format 2, this version reads 1: update @vecino/db');
	});

	it('are refused when their words are not words', () => {
		const V = new DataView(state.buffer).getUint32(28, true);
		const textBytes = new DataView(state.buffer).getUint32(36, true);
		expect(V).toBeGreaterThan(100);
		for (const change of [
			(text: Uint8Array) => text.fill(0xff),
			(text: Uint8Array) => text.fill(10),
			(text: Uint8Array) => text.fill(97),
		]) {
			const changed = state.slice();
			change(changed.subarray(changed.length - textBytes));
			new DataView(changed.buffer).setUint32(8, crc32c(changed, 12), true);
			expect(refused(changed)).toBe(true);
		}
	});
});

describe('parts', () => {
	it('log2 is near Math.log2', () => {
		for (let x = 1; x < 1e9; x *= 1.37)
			expect(Math.abs(log2(x) - Math.log2(x))).toBeLessThan(1e-12 * (1 + Math.log2(x)));
		expect([1, 2, 1024].map(log2)).toEqual([0, 1, 10]);
	});

	it('crc32c is CRC-32C', () => {
		expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
	});

	it('words of many scripts', () => {
		expect(wordsOf("Don't STOP-now 3.14")).toEqual(['don', 't', 'stop', 'now', '3', '14']);
		expect(wordsOf('Straße ÉTÉ İstanbul')).toEqual(['straße', 'ete', 'istanbul']);
		expect(wordsOf('東京マラソンwinner 🏃x')).toEqual(['東京マラソン', 'winner', '🏃', 'x']);
		expect(wordsOf('हिन्दी Россия')).toEqual(['हिन्दी', 'россия']);
		expect(wordsOf('が한국')).toEqual(['が', '한국']);
		expect(units(['東京都', '字', 'word'])).toEqual(['東京', '京都', '字', 'word']);
	});

	it('runs of characters: those of one word that another has', () => {
		const shared = (a: string, b: string) => gramsOf(a).filter((gram) => gramsOf(b).includes(gram)).length;
		expect(gramsOf('word').length).toBe(4 + 3 + 2);
		expect(gramsOf('a').length).toBe(1);
		expect(gramsOf('東京都').length).toBe(3 + 2 + 1);
		expect(shared('marathon', 'marathn')).toBeGreaterThan(10);
		expect(shared('marathon', 'planet')).toBe(0);
	});

	it('directions are those of an exact decomposition', async () => {
		// Three groups of nine words that never meet, of weights 3, 2 and 1: the two strongest directions are groups.
		const groups = Array.from({ length: 90 }, (_, i) => i % 3);
		const starts = Uint32Array.from({ length: 91 }, (_, i) => 9 * i);
		const at = Uint32Array.from(groups.flatMap((group) => Array.from({ length: 9 }, (_, i) => 9 * group + i)));
		const values = Float32Array.from(groups.flatMap((group) => new Array<number>(9).fill(3 - group)));
		const Y = await strongestDirections({ columns: 27, starts, at, values }, 2, 12, 1, new Pace());
		for (let word = 0; word < 27; word++) {
			const length = Y[2 * word]! ** 2 + Y[2 * word + 1]! ** 2;
			expect(Math.abs(length - (word < 18 ? 1 / 9 : 0))).toBeLessThan(1e-3);
			const first = word - (word % 9);
			for (const k of [0, 1]) expect(Math.abs(Y[2 * word + k]! - Y[2 * first + k]!)).toBeLessThan(1e-3);
		}
		for (const [a, b, product] of [
			[0, 0, 1],
			[0, 1, 0],
			[1, 1, 1],
		] as const) {
			let sum = 0;
			for (let word = 0; word < 27; word++) sum += Y[2 * word + a]! * Y[2 * word + b]!;
			expect(Math.abs(sum - product)).toBeLessThan(1e-5);
		}
	});
});

describe('HEADLINES', () => {
	it('are different, of eight genres, a dozen of them about marathons', () => {
		expect(new Set(texts).size).toBe(texts.length);
		const genres = [...new Set(HEADLINES.map(({ genre }) => genre))];
		const counts = genres.map((name) => [name, HEADLINES.filter(({ genre }) => genre === name).length]);
		expect(counts).toEqual(
			['Sports', 'Politics', 'Technology', 'Business', 'Science', 'Health', 'Entertainment', 'World'].map((genre) => [
				genre,
				38,
			]),
		);
		expect(texts.filter((text) => /marathon/i.test(text)).length).toBeGreaterThan(10);
		expect(texts.filter((text) => text !== text.trim() || text.length > 90)).toEqual([]);
	});
});
