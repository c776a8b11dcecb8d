import { open } from '@vecino/db';
import { expect, it } from 'vitest';
import { randomVectors, TemporaryFolder } from '../support/collections.ts';

it.each(['f32', 'none'] as const)(
	'rows go behind an index, and are found there as before, with originals %s',
	async (originals) => {
		using folder = new TemporaryFolder();
		const vectors = randomVectors(3000, 16);
		const entries = vectors.map((vector, id) => ({ id, vector, metadata: { third: id % 3 === 0 } }));
		const exact = async (rows: Awaited<ReturnType<typeof open>>): Promise<unknown[]> =>
			(await rows.query({ vector: vectors[5]!, k: 20, nprobe: 16 })).map(({ id }) => id);
		let before: unknown[];
		{
			await using rows = await open(folder.path, { dimension: 16, metric: 'l2', index: 'IVF16,SQ8', originals });
			await using reader = await open(folder.path, { readOnly: true });
			await rows.add(entries);
			before = await exact(rows);
			expect(before[0]).toBe(5);
			await rows.optimize();
			expect(await rows.stats()).toMatchObject({
				vectors: 3000,
				sealed: 3000,
				delta: 0,
				segments: 1,
				clusters: { n: 16 },
				index: 'IVF16,SQ8',
			});
			const shared = (await exact(rows)).filter((id) => before.includes(id));
			expect(shared.length).toBeGreaterThan(17);
			expect(await exact(reader)).toEqual(await exact(rows));
			// Rows that came, changed and went afterwards.
			await rows.upsert({ id: 5, vector: vectors[6]! });
			await rows.delete([7, 8]);
			await rows.add({ id: 'new', vector: vectors[5]! });
			for (const side of [rows, reader]) {
				const found = await exact(side);
				expect(found[0]).toBe('new');
				expect(found.some((id) => id === 7 || id === 8)).toBe(false);
				expect(await side.query({ vector: vectors[0]!, where: { third: true }, k: 2000, nprobe: 16 })).toHaveLength(
					1000,
				);
			}
			expect((await rows.stats()).dead).toBe(3);
			const kept = (await rows.get(100, { include: ['vector'] }))!.vector!;
			expect(Math.max(...kept.map((x, j) => Math.abs(x - vectors[100]![j]!)))).toBeLessThan(
				originals === 'f32' ? 1e-9 : 0.01,
			);
		}
		await using rows = await open(folder.path);
		expect((await exact(rows))[0]).toBe('new');
		expect(await rows.stats()).toMatchObject({ vectors: 2999, sealed: 2997, delta: 2 });
		expect((await rows.verify()).problems).toEqual([]);
		await rows.optimize();
		expect(await rows.stats()).toMatchObject({ vectors: 2999, sealed: 2999, dead: 0 });
		expect((await rows.health()).verdict).toBe('ok');
	},
);
