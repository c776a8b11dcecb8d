import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open } from '@vecino/db';
import { expect, it } from 'vitest';

it('keeps rows from one opening to the next', async () => {
	const folder = mkdtempSync(join(tmpdir(), 'vecino-'));
	try {
		const first = await open(folder, { dimension: 2 });
		await first.add([
			{ id: 'north', vector: [0, 1], metadata: { warm: false } },
			{ id: 'east', vector: [1, 0] },
			{ id: 7, vector: [1, 1], text: 'seven' },
		]);
		await first.upsert({ id: 'east', vector: [1, 0.1], metadata: { n: 1 } });
		await first.delete(7);
		await first.close();
		const again = await open(folder);
		expect(await again.count()).toBe(2);
		const hits = await again.query({ vector: [0.1, 1], include: ['metadata', 'vector'] });
		expect(hits.map(({ id }) => id)).toEqual(['north', 'east']);
		expect(hits[1]?.metadata).toEqual({ n: 1 });
		expect(hits[1]?.vector).toEqual(Float32Array.of(1, 0.1));
		await again.close();
	} finally {
		rmSync(folder, { recursive: true });
	}
});
