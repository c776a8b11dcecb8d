/**
 * A collection beside a plain Map: after any operations, reopening included, both hold the same rows, and searches find what
 * an exact search of the Map finds.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Collection } from '@vecino/db';
import fc from 'fast-check';
import { squaredL2 } from 'vecino';
import { expect, it } from 'vitest';
import { openWith } from '../../src/collection/open.ts';
import { D, entryOf, GENRES, type Meta, metaOf, SCHEMA, SMALL, vectorOf } from './rows.ts';

interface Kept {
	readonly version: number;
	readonly edits: number;
}

/** What is done: a kind of operation and two numbers that say to which rows. */
type Step = readonly [kind: string, a: number, b: number];

const RUNS = process.env['VECINO_SOAK'] ? 200 : 12;
const IDS = 400;

const step: fc.Arbitrary<Step> = fc.tuple(
	fc.oneof(
		{ weight: 8, arbitrary: fc.constant('put') },
		{ weight: 3, arbitrary: fc.constant('delete') },
		{ weight: 1, arbitrary: fc.constant('deleteWhere') },
		{ weight: 2, arbitrary: fc.constant('edit') },
		{ weight: 5, arbitrary: fc.constant('query') },
		{ weight: 2, arbitrary: fc.constant('filtered') },
		{ weight: 1, arbitrary: fc.constant('range') },
		{ weight: 1, arbitrary: fc.constant('reopen') },
		{ weight: 1, arbitrary: fc.constant('optimize') },
	),
	fc.nat(IDS - 1),
	fc.nat(120),
);

it('does what a Map does', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.array(step, { minLength: 5, maxLength: 60 }),
			fc.constantFrom('auto', 'IVF4,Flat', 'Flat'),
			fc.constantFrom('f32' as const, 'f32' as const, 'none' as const),
			run,
		),
		{ numRuns: RUNS, seed: 11, endOnFailure: process.env['VECINO_SOAK'] === undefined },
	);
}, 600_000);

async function run(steps: readonly Step[], index: string, originals: 'f32' | 'none'): Promise<void> {
	const folder = mkdtempSync(join(tmpdir(), 'vecino-model-'));
	const opened = () =>
		openWith(
			join(folder, 'c'),
			{ dimension: D, metric: 'l2', index, originals, schema: SCHEMA, durability: 'normal' },
			{ thresholds: SMALL },
		);
	let collection = await opened();
	const model = new Map<number, Kept>();
	let version = 0;
	try {
		for (const [kind, a, b] of steps) {
			version++;
			if (kind === 'put') {
				const ids = Array.from({ length: b }, (_, i) => (a + i) % IDS);
				await collection.upsert(ids.map((id) => entryOf(id, version)));
				for (const id of ids) model.set(id, { version, edits: 0 });
			} else if (kind === 'delete') {
				const ids = Array.from({ length: b }, (_, i) => (a + 3 * i) % IDS);
				const there = new Set(ids.filter((id) => model.has(id)));
				expect(await collection.delete(ids)).toBe(there.size);
				for (const id of there) model.delete(id);
			} else if (kind === 'deleteWhere') {
				const gone = [...model].filter(([id, { version, edits }]) => {
					const { genre } = metaOf(id, version, edits);
					return genre === GENRES[a % 3] && id < b;
				});
				expect(await collection.deleteWhere({ genre: GENRES[a % 3]!, n: { $lt: b } })).toBe(gone.length);
				for (const [id] of gone) model.delete(id);
			} else if (kind === 'edit') {
				const kept = model.get(a);
				if (kept !== undefined) {
					await collection.update(a, metaOf(a, kept.version, kept.edits + 1));
					model.set(a, { ...kept, edits: kept.edits + 1 });
				}
			} else if (kind === 'reopen') {
				await collection.close();
				collection = await opened();
			} else if (kind === 'optimize') await collection.optimize();
			else await compareSearch(collection, model, kind, a, b);
			expect(await collection.count()).toBe(model.size);
		}
		await compareRows(collection, model);
	} finally {
		await collection.close();
		rmSync(folder, { recursive: true });
	}
}

async function compareSearch(
	collection: Collection<typeof SCHEMA>,
	model: ReadonlyMap<number, Kept>,
	kind: string,
	a: number,
	b: number,
): Promise<void> {
	const vector = vectorOf(a, 1 + (b % 7));
	const genre = GENRES[b % 3]!;
	const k = 1 + (b % 12);
	const all = [...model]
		.filter(([id, kept]) => kind !== 'filtered' || metaOf(id, kept.version, kept.edits).genre === genre)
		.map(([id, { version }]) => ({ id, distance: squaredL2(vector, vectorOf(id, version)) }))
		.sort((x, y) => x.distance - y.distance);
	if (kind === 'range') {
		const radius = all[Math.min(b, all.length - 1)]?.distance ?? 1;
		const hits = await collection.range({ vector, radius: radius + 1e-4, recall: 1 });
		expect(hits.length).toBe(all.filter(({ distance }) => distance <= radius + 1e-4).length);
		return;
	}
	const hits = await collection.query({ vector, k, recall: 1, ...(kind === 'filtered' ? { where: { genre } } : {}) });
	expect(hits.length).toBe(Math.min(k, all.length));
	for (const [i, hit] of hits.entries()) {
		// Equally near rows may come in any order.
		expect(hit.distance).toBeCloseTo(all[i]!.distance, 3);
		const { version, edits } = model.get(Number(hit.id))!;
		expect(hit.distance).toBeCloseTo(squaredL2(vector, vectorOf(Number(hit.id), version)), 3);
		expect(hit.metadata).toEqual(metaOf(Number(hit.id), version, edits));
	}
}

async function compareRows(collection: Collection<typeof SCHEMA>, model: ReadonlyMap<number, Kept>): Promise<void> {
	for (let id = 0; id < IDS; id++) {
		const kept = model.get(id);
		const row = await collection.get(id, { include: ['metadata', 'vector'] });
		expect(row?.metadata as Meta | undefined).toEqual(kept && metaOf(id, kept.version, kept.edits));
		if (kept !== undefined) expect([...row!.vector!]).toEqual([...vectorOf(id, kept.version)]);
	}
	for (const genre of GENRES) {
		const count = [...model].filter(([id, kept]) => metaOf(id, kept.version, kept.edits).genre === genre).length;
		expect(await collection.count({ genre })).toBe(count);
	}
}
