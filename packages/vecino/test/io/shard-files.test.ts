import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexShards } from '../../src/indexes/shards.ts';
import { loadShards, saveShards } from '../../src/node/shard-files.ts';
import { clustered } from '../support/data.ts';

let folder = '';
beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'vecino-shards-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('shards are saved side by side, and come back', async () => {
	const x = clustered(300, 16);
	const path = join(folder, 'words.vecino');
	using index = new IndexShards({ shards: [new IndexIVFFlat({ d: 16, nlist: 4 })], rowsPerShard: 100 });
	index.train(x).add(x);
	const { paths, byteLength } = await saveShards(index, path);
	expect(paths.map((name) => name.slice(folder.length + 1))).toEqual([
		'words-0.vecino',
		'words-1.vecino',
		'words-2.vecino',
	]);
	expect(byteLength).toBeGreaterThan(300 * 68);
	{
		using again = await loadShards(path, { rowsPerShard: 100 });
		expect(again.search(x, 3)).toEqual(index.search(x, 3));
		again.add(x.slice(0, 10));
		expect(again.shards.map(({ ntotal }) => ntotal)).toEqual([100, 100, 100, 10]);
	}
	index.reset();
	index.add(x.slice(0, 150));
	await saveShards(index, path);
	expect((await readdir(folder)).sort()).toEqual(['words-0.vecino', 'words-1.vecino']);
	await expect(loadShards(join(folder, 'none'))).rejects.toMatchObject({ code: 'storage' });
	await expect(saveShards({} as never, path)).rejects.toThrow('index must be an IndexShards');
});
