import { open, type Where } from '@vecino/db';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRIVERS, randomVectors, VowelEmbedder } from '../support/collections.ts';

const compass = [
	{ id: 'north', vector: [0, 1], metadata: { cold: true, year: 2001 } },
	{ id: 'east', vector: [1, 0], metadata: { cold: false, year: 2002 } },
	{ id: 'south', vector: [0, -1], metadata: { cold: false, year: 2003 } },
	{ id: 'west', vector: [-1, 0] },
];

describe.each(DRIVERS)('searching a collection over $name', (driver) => {
	it('finds the nearest, with scores and distances of the metric', async () => {
		for (const [metric, score, distance] of [
			['cosine', 1, 0],
			['l2', 0.5, 1],
			['ip', 2, -2],
		] as const) {
			await using rows = await open(':memory:', { dimension: 2, metric, driver });
			await rows.add(compass);
			const hits = await rows.query({ vector: [2, 0], k: 2 });
			expect(hits[0]).toMatchObject({ id: 'east', metadata: { cold: false, year: 2002 } });
			expect(hits[0]?.score).toBeCloseTo(score, 6);
			expect(hits[0]?.distance).toBeCloseTo(distance, 6);
			expect(hits[1]!.score).toBeLessThan(hits[0]!.score);
			expect(hits[1]!.distance).toBeGreaterThan(hits[0]!.distance);
		}
	});

	it('looks from a row, which is no hit of its own', async () => {
		await using rows = await open(':memory:', { dimension: 2, driver });
		await rows.add([...compass, { id: 'nearly north', vector: [0.1, 1] }]);
		expect((await rows.query({ id: 'north', k: 1 }))[0]?.id).toBe('nearly north');
		expect((await rows.query({ id: 'north', k: 1, includeSelf: true }))[0]?.id).toBe('north');
		expect(await rows.query({ id: 'north', k: 10 })).toHaveLength(4);
		await expect(rows.query({ id: 'nowhere' })).rejects.toMatchObject({ code: 'unknown-label' });
	});

	it('looks among rows with such metadata only', async () => {
		await using rows = await open(':memory:', { dimension: 2, driver });
		await rows.add(compass);
		const found = async (where: Where) => (await rows.query({ vector: [0, 1], where })).map(({ id }) => id);
		expect(await found({ cold: false })).toEqual(['east', 'south']);
		expect(await found({ year: { $gte: 2002 }, $not: { cold: true } })).toEqual(['east', 'south']);
		expect(await found({ year: null })).toEqual(['west']);
		expect(await found({ year: 1 })).toEqual([]);
		expect(await found({})).toHaveLength(4);
		await expect(found({ yeer: 1 })).rejects.toMatchObject({ code: 'unknown-field', nearest: 'year' });
		// A filter that is kept sees what is written later.
		await rows.update('west', { cold: false });
		expect((await found({ cold: false })).sort()).toEqual(['east', 'south', 'west']);
		await rows.add({ id: 'up', vector: [0, 2], metadata: { cold: false } });
		await rows.delete('south');
		expect((await found({ cold: false })).sort()).toEqual(['east', 'up', 'west']);
	});

	it('finds all within a distance', async () => {
		await using rows = await open(':memory:', { dimension: 2, metric: 'l2', driver });
		await rows.add(compass);
		expect((await rows.range({ vector: [0, 1], radius: 2 })).map(({ id }) => id)).toEqual(['north', 'east', 'west']);
		expect((await rows.range({ vector: [0, 1], minScore: 0.9 })).map(({ id }) => id)).toEqual(['north']);
		expect(await rows.range({ id: 'north', radius: 2, maxResults: 1 })).toHaveLength(1);
		await expect(rows.range({ vector: [0, 1] })).rejects.toThrow(/either radius or minScore/);
		await using angles = await open(':memory:', { dimension: 2, driver });
		await angles.add(compass);
		expect((await angles.range({ vector: [0, 1], radius: 1 })).map(({ id }) => id).sort()).toEqual([
			'east',
			'north',
			'west',
		]);
		expect((await angles.range({ vector: [0, 3], minScore: 0.9 })).map(({ id }) => id)).toEqual(['north']);
	});

	it('says what is wrong with a query', async () => {
		await using rows = await open(':memory:', { dimension: 2, driver });
		expect(await rows.query({ vector: [1, 2] })).toEqual([]);
		await rows.add(compass);
		await expect(rows.query({ vector: [1] })).rejects.toMatchObject({
			code: 'dimension-mismatch',
			expected: 2,
			found: 1,
		});
		await expect(rows.query({ vector: [1, Infinity] })).rejects.toMatchObject({ code: 'not-finite' });
		await expect(rows.query({})).rejects.toThrow('Collection.query: give one of vector, text and id, got none');
		await expect(rows.query({ vector: [1, 1], k: 0 })).rejects.toThrow(
			'Collection.query: k must be an integer in 1..10000, got 0',
		);
		await expect(rows.query({ vector: [1, 1], limit: 3 } as object)).rejects.toThrow(/unknown option "limit"/);
		await expect(rows.query({ text: 'north' })).rejects.toMatchObject({ code: 'embedder' });
	});

	it('shows page after page, nothing twice and nothing left out, also while rows come and go', async () => {
		await using rows = await open(':memory:', { dimension: 4, driver });
		await rows.add(randomVectors(100, 4).map((vector, id) => ({ id, vector })));
		const shown: unknown[] = [];
		for await (const page of rows.pages({ vector: [1, 1, 1, 1] }, { pageSize: 7 })) {
			shown.push(...page.map(({ id }) => id));
			if (shown.length === 14) {
				await rows.delete(page[0]!.id);
				await rows.add({ id: 'new', vector: [1, 1, 1, 1] });
			}
		}
		expect(new Set(shown).size).toBe(shown.length);
		expect(new Set(shown)).toEqual(new Set([...Array(100).keys(), 'new']));
	});

	it('lists rows that match, page after page', async () => {
		await using rows = await open(':memory:', {
			dimension: 1,
			driver,
			schema: { even: 'boolean', word: { type: 'string', index: false } },
		});
		await rows.add(
			Array.from({ length: 50 }, (_, id) => ({
				id,
				vector: [1],
				metadata: { even: id % 2 === 0, word: `w${id % 5}` },
			})),
		);
		for (const [where, expected] of [
			[{ even: true }, 25],
			[{ word: 'w1' }, 10],
			[undefined, 50],
		] as const) {
			const shown: unknown[] = [];
			for (let after: number | undefined; ; ) {
				const page = await rows.list({ where, after, limit: 4 });
				if (page.length === 0) break;
				shown.push(...page.map(({ id }) => id));
				after = page.at(-1)!.id as number;
			}
			expect(shown).toEqual([...shown].sort((a, b) => Number(a) - Number(b)));
			expect(shown).toHaveLength(expected);
			expect(await rows.count(where)).toBe(expected);
		}
	});
});

describe.each(DRIVERS)('searching by words over $name', (driver) => {
	const embedder = new VowelEmbedder();
	const texts = [
		'a banana as art',
		'the eel peels eggs',
		'indigo finish in icing',
		'odd octopus on pool',
		'sun cup dusk mud',
	];
	const opened = open(':memory:', { embedder, driver });

	beforeAll(async () => {
		const rows = await opened;
		await rows.add(texts.map((text, i) => ({ id: text.split(' ')[1]!, text, metadata: { i } })));
	});
	afterAll(async () => (await opened).close());

	it('finds by vectors alone where nothing is said', async () => {
		const rows = await opened;
		expect((await rows.query({ text: 'eeee', k: 1 }))[0]?.id).toBe('eel');
	});

	it('finds by words alone', async () => {
		const rows = await opened;
		const hits = await rows.query({ text: 'peeling pools', hybrid: 'words' });
		expect(hits.map(({ id }) => id).sort()).toEqual(['eel', 'octopus']);
		for (const { score, distance } of hits) {
			expect(score).toBeGreaterThan(0);
			expect(score).toBeLessThanOrEqual(1);
			expect(distance).toBeNaN();
		}
		expect(await rows.query({ text: '", (* ^', hybrid: 'words' })).toEqual([]);
		expect(
			(await rows.query({ text: 'eggs pool', hybrid: 'words', where: { i: { $gt: 1 } } })).map(({ id }) => id),
		).toEqual(['octopus']);
	});

	it('joins both, and knows the distance of what words have found', async () => {
		const rows = await opened;
		for (const hybrid of [true, { method: 'weighted', alpha: 0.3 }] as const) {
			const hits = await rows.query({ text: 'oooo mud', hybrid, k: 2 });
			expect(hits.map(({ id }) => id).sort()).toEqual(['cup', 'octopus']);
			for (const { score, distance } of hits) {
				expect(score).toBeGreaterThan(0);
				expect(score).toBeLessThanOrEqual(1);
				expect(distance).toBeGreaterThanOrEqual(0);
			}
		}
		const [hit] = await rows.query({ text: 'octopus', hybrid: true, where: { i: { $ne: 3 } } });
		expect(hit?.id).not.toBe('octopus');
		await expect(rows.query({ text: 'x', hybrid: { method: 'rff' as 'rrf' } })).rejects.toThrow(/hybrid.method/);
		await expect(rows.query({ vector: [1, 1, 1, 1, 1], hybrid: true })).rejects.toThrow(/hybrid needs a text/);
	});

	it('forgets the words of rows that went', async () => {
		await using rows = await open(':memory:', { embedder: new VowelEmbedder(), driver });
		await rows.add([
			{ id: 1, text: 'apple tree' },
			{ id: 2, text: 'apple pie' },
		]);
		await rows.upsert({ id: 1, text: 'cherry tree' });
		await rows.delete(2);
		expect(await rows.query({ text: 'apple', hybrid: 'words' })).toEqual([]);
		expect(await rows.query({ text: 'cherries', hybrid: 'words' })).toHaveLength(1);
	});
});
