/**
 * Many mixed operations on a collection whose number of rows stays about the same: memory and files stay about the same too.
 *
 * VECINO_SOAK=1 makes 100,000 operations, else 4,000.
 */
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openWith } from '../../src/collection/open.ts';
import { D, entryOf, metaOf, random, SCHEMA, vectorOf } from './rows.ts';

const OPERATIONS = process.env['VECINO_SOAK'] ? 100_000 : 4000;
const IDS = 3000;

it(`keeps memory and files bounded over ${OPERATIONS} operations`, async () => {
	const folder = mkdtempSync(join(tmpdir(), 'vecino-soak-'));
	const collection = await openWith(
		join(folder, 'c'),
		{ dimension: D, metric: 'l2', index: 'IVF16,Flat', schema: SCHEMA, durability: 'normal' },
		{ thresholds: { sealRows: 256, flatRows: 600, maxSegmentRows: 2000 } },
	);
	try {
		const below = random(5);
		await collection.upsert(Array.from({ length: IDS }, (_, id) => entryOf(id, 1)));
		await collection.optimize();
		const samples: { files: number; memory: number; heap: number }[] = [];
		for (let i = 0; i < OPERATIONS; i++) {
			const id = below(IDS);
			const kind = below(10);
			if (kind < 4) await collection.upsert(entryOf(id, 2 + below(1000)));
			else if (kind < 6) await collection.delete(id);
			else if (kind < 7 && (await collection.has(id))) await collection.update(id, metaOf(id, 1, below(9)));
			else if (kind < 9) await collection.query({ vector: vectorOf(id, 1), k: 5 });
			else await collection.query({ vector: vectorOf(id, 1), k: 5, where: { genre: 'red', n: { $lt: below(IDS) } } });
			if ((i + 1) % (OPERATIONS / 10) === 0) {
				const { bytes } = await collection.stats();
				samples.push({ files: bytesOf(folder), memory: bytes.memory, heap: process.memoryUsage().heapUsed });
			}
		}
		const highest = (key: 'files' | 'memory' | 'heap', from: number, to: number): number =>
			Math.max(...samples.slice(from, to).map((sample) => sample[key]));
		// The first half fills pages and lists; what comes after it must not be more.
		for (const key of ['files', 'memory'] as const) {
			expect(highest(key, 5, 10), `${key}: ${JSON.stringify(samples)}`).toBeLessThan(1.5 * highest(key, 1, 5));
		}
		expect(highest('heap', 5, 10), `heap: ${JSON.stringify(samples)}`).toBeLessThan(highest('heap', 1, 5) + 64e6);
		if (process.env['VECINO_SOAK']) console.log(JSON.stringify(samples));
		expect((await collection.verify()).problems).toEqual([]);
	} finally {
		await collection.close();
		rmSync(folder, { recursive: true });
	}
}, 900_000);

function bytesOf(folder: string): number {
	let bytes = 0;
	for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
		if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0;
	return bytes;
}
