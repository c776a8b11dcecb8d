import { type FittedEmbedder, offlineEmbedder, open } from '@vecino/db';
import { describe, expect, it } from 'vitest';
import { DRIVERS, TemporaryFolder, VowelEmbedder } from '../support/collections.ts';

/** Texts about a few things, so that there is something to learn. */
function sentences(n: number): string[] {
	const things = [
		'harbour ships anchor sail',
		'oven bread flour baker',
		'goal referee match stadium',
		'violin concert orchestra hall',
	];
	return Array.from({ length: n }, (_, i) => {
		const words = things[i % 4]!.split(' ');
		return `${words[i % 3]} ${words[(i + 1) % 4]} number ${i % 17} ${words[(i * 7) % 4]}`;
	});
}

/** An embedder that learns how often it was fitted, and tells by its vectors. */
class Counting implements FittedEmbedder {
	readonly model = 'test/counting';
	readonly dimension = 4;
	version = 0;

	async embed(texts: readonly string[]): Promise<Float32Array[]> {
		const { version } = this;
		await new Promise((resolve) => setImmediate(resolve));
		// Vectors of two versions have nothing in common.
		return texts.map((text) =>
			Float32Array.from({ length: 4 }, (_, j) => (j === version % 4 ? 1 : 0) + text.length / 1e6),
		);
	}

	async fit(): Promise<void> {
		this.version++;
	}

	clone(): FittedEmbedder {
		const copy = new Counting();
		copy.version = this.version;
		return copy;
	}

	save(): Uint8Array {
		return Uint8Array.of(this.version);
	}

	load(state: Uint8Array): void {
		this.version = state[0]!;
	}
}

describe.each(DRIVERS)('texts of a collection over $name', (driver) => {
	it('are embedded once, whatever happens to their rows', async () => {
		using folder = new TemporaryFolder();
		const embedder = new VowelEmbedder();
		{
			await using rows = await open(folder.path, { embedder, driver });
			await rows.add([
				{ id: 1, text: 'aa' },
				{ id: 2, text: 'ee' },
				{ id: 3, text: 'aa' },
			]);
			await rows.delete(2);
			await rows.add({ id: 4, text: 'given', vector: [1, 2, 3, 4, 5] });
		}
		await using rows = await open(folder.path, { embedder, driver });
		await rows.upsert([
			{ id: 1, text: 'ee' },
			{ id: 5, text: 'ii' },
		]);
		expect(embedder.asked).toEqual(['aa', 'ee', 'ii']);
		expect((await rows.query({ text: 'eee', k: 1 }))[0]).toMatchObject({ id: 1, text: 'ee' });
		expect(await rows.stats()).toMatchObject({ vectors: 4, embedded: 3, model: 'test/vowels' });
	});

	it('are filtered as they are when the search is made, however long the query took to embed', async () => {
		let answer = (): void => {};
		const embedder = new VowelEmbedder();
		const slow = {
			model: embedder.model,
			dimension: embedder.dimension,
			embed: async (texts: readonly string[]) => {
				if (texts[0] === 'slow aa') await new Promise<void>((resolve) => (answer = resolve));
				return embedder.embed(texts);
			},
		};
		await using rows = await open(':memory:', { embedder: slow, driver, schema: { seen: 'boolean' } });
		await rows.add([
			{ id: 1, text: 'aa', metadata: { seen: false } },
			{ id: 2, text: 'aaa', metadata: { seen: false } },
		]);
		const asked = rows.query({ text: 'slow aa', where: { seen: false } });
		await new Promise((resolve) => setTimeout(resolve, 20));
		await rows.update(1, { seen: true });
		await rows.add({ id: 3, text: 'aaaa', metadata: { seen: false } });
		answer();
		expect((await asked).map(({ id }) => id).sort()).toEqual([2, 3]);
		await expect(rows.query({ text: 'slow aa', where: { sean: false } as never })).rejects.toMatchObject({
			code: 'unknown-field',
		});
	});

	it('teach an embedder that learns, when there are enough', async () => {
		using folder = new TemporaryFolder();
		const embedder = offlineEmbedder({ dimension: 64 });
		const texts = sentences(260);
		const best = async (rows: Awaited<ReturnType<typeof open>>): Promise<string[]> =>
			(await rows.query({ text: 'bread from the oven', k: 5 })).map(({ text }) => text!);
		let found: string[];
		{
			await using rows = await open(folder.path, { embedder, driver });
			await rows.add(texts.slice(0, 150).map((text, id) => ({ id, text })));
			expect((await rows.stats()).background).toBe('idle');
			await rows.add(texts.slice(150).map((text, id) => ({ id: 150 + id, text })));
			expect((await rows.stats()).background).toBe('fitting');
			await rows.settle();
			expect(await rows.stats()).toMatchObject({
				vectors: 260,
				embedded: 260,
				background: 'idle',
				backgroundError: undefined,
			});
			found = await best(rows);
			for (const text of found) expect(text).toMatch(/bread|oven|flour|baker/);
			expect(await rows.query({ id: 3, k: 259 })).toHaveLength(259);
		}
		// What was given is not what has learnt: it may be another collection's as well.
		expect(embedder.version).toBe(0);
		await using again = await open(folder.path, { embedder: offlineEmbedder({ dimension: 64 }), driver });
		expect(await best(again)).toEqual(found);
	});

	it('are found while they are embedded again, by vectors of one version', async () => {
		await using rows = await open(':memory:', { embedder: new Counting(), metric: 'l2', driver });
		await rows.add(Array.from({ length: 150 }, (_, id) => ({ id, text: `${id}` })));
		await rows.add({ id: 'given', text: 'given', vector: [9, 9, 9, 9] });
		let worst = 0;
		let queries = 0;
		const filling = (async () => {
			for (let id = 150; id < 1000; id += 10) {
				await rows.add(Array.from({ length: 10 }, (_, i) => ({ id: id + i, text: `${id + i}` })));
				if (id % 100 === 0) await rows.delete(id - 100);
			}
		})();
		let done = false;
		filling.finally(() => {
			done = true;
		});
		while (!done) {
			const hits = await rows.query({ text: 'xxx', k: 50 });
			queries++;
			for (const { distance } of hits) worst = Math.max(worst, distance);
			expect(hits).toHaveLength(50);
		}
		await filling;
		await rows.settle();
		expect(queries).toBeGreaterThan(5);
		expect(worst).toBeLessThan(1e-4);
		const all = await rows.query({ text: 'xxx', k: 2000 });
		expect(all).toHaveLength(await rows.count());
		expect(all.filter(({ distance }) => distance > 1e-4).map(({ id }) => id)).toEqual(['given']);
		await rows.optimize();
		expect(await rows.query({ text: 'xxx', k: 2000 })).toHaveLength(all.length);
	});

	it('stay as they are when a fit fails', async () => {
		class Failing extends Counting {
			override async fit(): Promise<void> {
				throw new Error('too few words');
			}
			override clone(): FittedEmbedder {
				return new Failing();
			}
		}
		await using rows = await open(':memory:', { embedder: new Failing(), driver });
		await rows.add(Array.from({ length: 300 }, (_, id) => ({ id, text: `${id}` })));
		await rows.settle();
		expect((await rows.health()).verdict).toBe('failing');
		expect((await rows.stats()).backgroundError).toBe('too few words');
		expect(await rows.query({ text: 'x', k: 500 })).toHaveLength(300);
	});
});
