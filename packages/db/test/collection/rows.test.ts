import { open } from '@vecino/db';
import { describe, expect, it } from 'vitest';
import { DRIVERS, randomVectors, TemporaryFolder } from '../support/collections.ts';

describe.each(DRIVERS)('rows of a collection over $name', (driver) => {
	it('are added, read, replaced and deleted', async () => {
		await using rows = await open(':memory:', { dimension: 2, driver });
		expect(await rows.add({ id: 'a', vector: [1, 0], metadata: { n: 1 }, text: 'one' })).toBe('a');
		expect(
			await rows.add([
				{ id: 'b', vector: [0, 1] },
				{ id: 'c', vector: [1, 1] },
			]),
		).toEqual(['b', 'c']);
		expect(await rows.get('a')).toEqual({ id: 'a', metadata: { n: 1 }, text: 'one' });
		expect(await rows.get('a', { include: ['vector'] })).toEqual({
			id: 'a',
			metadata: {},
			vector: Float32Array.of(1, 0),
		});
		expect(await rows.get('nobody')).toBeUndefined();
		expect(await rows.has('b')).toBe(true);
		expect(await rows.upsert({ id: 'b', vector: [0, 2], metadata: { n: 2 } })).toBe('b');
		expect((await rows.get('b', { include: ['metadata', 'vector'] }))?.vector).toEqual(Float32Array.of(0, 2));
		expect(await rows.count()).toBe(3);
		expect(await rows.delete(['a', 'b', 'nobody'])).toBe(2);
		expect(await rows.delete('a')).toBe(0);
		expect(await rows.has('a')).toBe(false);
		expect((await rows.query({ vector: [1, 1] })).map(({ id }) => id)).toEqual(['c']);
	});

	it('tell the number 1 from the text "1", and list numbers first', async () => {
		await using rows = await open(':memory:', { dimension: 1, driver });
		await rows.add([
			{ id: '1', vector: [1] },
			{ id: 1, vector: [2] },
			{ id: -5, vector: [3] },
			{ id: Number.MAX_SAFE_INTEGER, vector: [4] },
			{ id: 'é', vector: [5] },
		]);
		expect((await rows.list()).map(({ id }) => id)).toEqual([-5, 1, Number.MAX_SAFE_INTEGER, '1', 'é']);
		expect(await rows.delete(1)).toBe(1);
		expect(await rows.has('1')).toBe(true);
		expect(await rows.has(1)).toBe(false);
	});

	it('get new integers where they have no ids, and none twice', async () => {
		await using rows = await open(':memory:', { dimension: 1, driver });
		await rows.add({ id: 2, vector: [0] });
		const ids = await rows.add([{ vector: [1] }, { vector: [2] }]);
		expect(new Set([2, ...ids]).size).toBe(3);
		await rows.delete(ids);
		const more = await rows.add([{ vector: [1] }, { vector: [2] }]);
		expect(more.some((id) => ids.includes(id))).toBe(false);
	});

	it('are added all or not at all', async () => {
		await using rows = await open(':memory:', { dimension: 2, driver });
		await rows.add({ id: 'there', vector: [1, 2] });
		const fresh = Array.from({ length: 1500 }, (_, id) => ({ id, vector: [id, 1] }));
		await expect(rows.add([...fresh, { id: 'there', vector: [1, 1] }])).rejects.toMatchObject({
			code: 'duplicate-id',
			row: 1500,
			found: 'there',
		});
		await expect(
			rows.add([
				{ id: 'x', vector: [1, 1] },
				{ id: 'x', vector: [1, 1] },
			]),
		).rejects.toMatchObject({ code: 'duplicate-id', row: 1 });
		await expect(
			rows.add([
				{ id: 'x', vector: [1, 1] },
				{ id: 'y', vector: [1] },
			]),
		).rejects.toMatchObject({ code: 'dimension-mismatch', row: 1, expected: 2, found: 1 });
		await expect(rows.add([{ id: 'x', vector: [1, Number.NaN] }])).rejects.toMatchObject({
			code: 'not-finite',
			row: 0,
			position: 1,
		});
		await expect(rows.add([{ id: 'x', vector: [1, 1e39] }])).rejects.toMatchObject({ code: 'not-finite' });
		expect(await rows.count()).toBe(1);
		expect(await rows.query({ vector: [1, 2] })).toHaveLength(1);
		await rows.add(fresh);
		expect(await rows.count()).toBe(1501);
	});

	it('come from anything that can be iterated, a transaction at a time', async () => {
		await using rows = await open(':memory:', { dimension: 2, driver });
		const seen: number[] = [];
		async function* many() {
			for (let id = 0; id < 2500; id++) yield { id, vector: [id, 1] };
		}
		expect(await rows.add(many(), { onProgress: ({ done }) => seen.push(done) })).toBe(2500);
		expect(seen).toEqual([1000, 2000, 2500]);
		expect(await rows.upsert(new Set([{ id: 1, vector: [9, 9] }]))).toBe(1);
		expect(await rows.count()).toBe(2500);
		function* broken() {
			for (let id = 5000; id < 6500; id++) yield { id: id === 6200 ? 5000 : id, vector: [1, 1] };
		}
		await expect(rows.add(broken())).rejects.toMatchObject({ code: 'duplicate-id', row: 1200 });
		expect(await rows.count()).toBe(3500);
	});

	it('keep the last of those that are put under one id at once', async () => {
		await using rows = await open(':memory:', { dimension: 1, driver, metric: 'l2' });
		await rows.upsert([
			{ id: 'a', vector: [1] },
			{ id: 'b', vector: [5] },
			{ id: 'a', vector: [2] },
		]);
		expect((await rows.query({ vector: [2], include: ['vector'] })).map(({ id, vector }) => [id, vector?.[0]])).toEqual(
			[
				['a', 2],
				['b', 5],
			],
		);
	});

	it('are there after closing and opening again', async () => {
		using folder = new TemporaryFolder();
		const vectors = randomVectors(300, 8);
		{
			await using rows = await open(folder.path, { dimension: 8, metric: 'l2', driver });
			await rows.add(
				vectors.map((vector, id) => ({ id, vector, metadata: { id, even: id % 2 === 0 }, text: `row ${id}` })),
			);
			await rows.delete([0, 1, 2]);
			await rows.upsert({ id: 3, vector: vectors[0]! });
			await rows.update(4, { even: false });
		}
		await using again = await open(folder.path, { driver });
		expect([again.dimension, await again.count()]).toEqual([8, 297]);
		expect((await again.query({ vector: vectors[0]!, k: 1 }))[0]).toMatchObject({ id: 3, distance: 0, score: 1 });
		expect((await again.get(4))?.metadata).toEqual({ id: 4, even: false });
		expect(await again.count({ even: true })).toBe(147);
		const [id] = await again.add([{ vector: vectors[1]! }]);
		expect(id).toBeGreaterThan(299);
	});

	it.each(['f16', 'sq8', 'none', 'f32'] as const)('keep vectors as %s', async (originals) => {
		using folder = new TemporaryFolder();
		const vectors = randomVectors(20, 16);
		{
			await using rows = await open(folder.path, { dimension: 16, originals, driver });
			await rows.add(vectors.map((vector, id) => ({ id, vector })));
			await rows.add({ id: 'same', vector: new Float32Array(16).fill(0.5) });
		}
		await using rows = await open(folder.path, { driver });
		const kept = (await rows.get(7, { include: ['vector'] }))?.vector as Float32Array;
		const worst = Math.max(...kept.map((x, j) => Math.abs(x - vectors[7]![j]!)));
		expect(worst).toBeLessThanOrEqual({ f32: 0, none: 0, f16: 2 ** -11, sq8: 1 / 255 }[originals]);
		expect((await rows.get('same', { include: ['vector'] }))?.vector).toEqual(new Float32Array(16).fill(0.5));
		if (originals === 'f16') await expect(rows.add({ vector: new Float32Array(16).fill(1e5) })).rejects.toThrow(/f16/);
	});

	it('give their space back', async () => {
		using folder = new TemporaryFolder();
		await using rows = await open(folder.path, { dimension: 64, driver });
		await using reader = await open(folder.path, { readOnly: true, driver });
		await rows.add(randomVectors(3000, 64).map((vector, id) => ({ id, vector })));
		expect(await reader.query({ vector: new Float32Array(64).fill(1) })).toHaveLength(10);
		const full = (await rows.stats()).bytes.files;
		await rows.deleteWhere({});
		await rows.optimize();
		expect((await rows.stats()).bytes.files).toBeLessThan(full / 2);
		expect(await reader.query({ vector: new Float32Array(64).fill(1) })).toEqual([]);
		await rows.add({ id: 'one', vector: new Float32Array(64).fill(1) });
		expect(await reader.query({ vector: new Float32Array(64).fill(1) })).toHaveLength(1);
	});

	it('change their metadata alone', async () => {
		await using rows = await open(':memory:', { dimension: 1, driver });
		await rows.add([1, 2, 3].map((id) => ({ id, vector: [id], metadata: { year: 2000 + id, genre: 'a' } })));
		expect(await rows.update(1, { genre: 'b', year: undefined, extra: [1] })).toBe(true);
		expect((await rows.get(1))?.metadata).toEqual({ genre: 'b', extra: [1] });
		expect(await rows.update(9, { genre: 'b' })).toBe(false);
		await rows.update(1, { only: true }, { replace: true });
		expect((await rows.get(1))?.metadata).toEqual({ only: true });
		expect(await rows.updateWhere({ year: { $gt: 2001 } }, { genre: 'c' })).toBe(2);
		expect((await rows.query({ vector: [1], where: { genre: 'c' } })).map(({ id }) => id)).toEqual([2, 3]);
		expect(await rows.deleteWhere({ genre: 'c' })).toBe(2);
		expect(await rows.count()).toBe(1);
		expect(await rows.deleteWhere({})).toBe(1);
	});
});

describe.each(DRIVERS)('a long write over $name', (driver) => {
	it('is seen as a whole: queries go on with what was there, and background work waits', async () => {
		using folder = new TemporaryFolder();
		await using rows = await open(folder.path, { dimension: 4, metric: 'l2', driver });
		await rows.add({ id: 'first', vector: [0, 0, 0, 0], metadata: { n: 0 } });
		const many = randomVectors(30_000, 4).map((vector, id) => ({ id, vector, metadata: { n: 1 } }));
		let seen = 0;
		let turns = 0;
		let done = false;
		const writing = rows.add(many).finally(() => {
			done = true;
		});
		const [before, after] = [rows.upsert({ id: 'second', vector: [9, 9, 9, 9] }), rows.update('first', { n: 2 })];
		while (!done) {
			const [count, ones, hits] = await Promise.all([
				rows.count(),
				rows.count({ n: 1 }),
				rows.query({ vector: [9, 9, 9, 9], k: 1, where: { n: 1 } }),
			]);
			if ((await rows.count()) < 30_000) expect([ones, hits.length]).toEqual([0, 0]);
			seen = Math.max(seen, count);
			turns++;
			await new Promise((resolve) => setImmediate(resolve));
		}
		await Promise.all([writing, before, after]);
		expect(turns).toBeGreaterThan(3);
		expect(await rows.count()).toBe(30_002);
		expect(await rows.count({ n: 1 })).toBe(30_000);
		expect(await rows.query({ vector: [9, 9, 9, 9], k: 10_000, where: { n: 1 } })).toHaveLength(10_000);
		await expect(
			rows.add([
				...many.slice(0, 5000).map((row) => ({ ...row, id: `x${row.id}` })),
				{ id: 'second', vector: [1, 1, 1, 1] },
			]),
		).rejects.toMatchObject({ code: 'duplicate-id', row: 5000 });
		expect(await rows.count()).toBe(30_002);
		const stopping = new AbortController();
		const stopped = rows.add(
			many.map((row) => ({ ...row, id: `y${row.id}` })),
			{ signal: stopping.signal },
		);
		setTimeout(() => stopping.abort(), 30);
		await expect(stopped).rejects.toMatchObject({ code: 'aborted' });
		expect(await rows.count()).toBe(30_002);
	});
});
