/** Indexes on disk: saved whole or not at all, opened, looked at. */
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { readIndex } from '../../src/io/read-index.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { inspectIndexFile, loadIndex, saveIndex } from '../../src/node/index-files.ts';
import type { Progress } from '../../src/util/steps.ts';
import { clustered } from '../support/data.ts';

let folder = '';
const at = (name: string): string => join(folder, name);
const x = clustered(300, 16);

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'vecino-format-'));
});

afterAll(async () => {
	await rm(folder, { recursive: true, force: true });
});

/** About 3 MB. */
function large(): IndexFlat {
	return new IndexFlat({ d: 256 }).add(new Float32Array(3000 * 256));
}

describe('saveIndex and loadIndex', () => {
	it('save and open, by path and by URL', async () => {
		using index = new IndexRefine({ base: new IndexIVFPQ({ d: 16, nlist: 5, m: 4 }) });
		index.train(x, { niter: 2 }).add(x);
		const bytes = writeIndex(index);
		expect(await saveIndex(index, at('a.vecino'))).toEqual({ byteLength: bytes.length });
		expect(new Uint8Array(await readFile(at('a.vecino')))).toEqual(bytes);
		const url = pathToFileURL(at('b.vecino'));
		await saveIndex(index, url);
		const engine = createEngineSync({ kernels: 'simd' });
		using again = await loadIndex(url, { engine, verify: false });
		expect(again.engine).toBe(engine);
		expect(writeIndex(again)).toEqual(bytes);
		const info = await inspectIndexFile(at('a.vecino'));
		expect(info).toMatchObject({ type: 'IndexRefine', d: 16, ntotal: 300, byteLength: bytes.length });
		expect((await inspectIndexFile(url)).sections).toEqual(info.sections);
	});

	it('report progress, up to the length of the file', async () => {
		using index = large();
		const saving: Progress[] = [];
		const { byteLength } = await saveIndex(index, at('large.vecino'), { onProgress: (p) => saving.push(p) });
		expect(saving.map(({ done }) => done)).toEqual([2 ** 20, 2 ** 21, byteLength]);
		expect(new Set(saving.map(({ total }) => total))).toEqual(new Set([byteLength]));
		const opening: Progress[] = [];
		using again = await loadIndex(at('large.vecino'), { onProgress: (p) => opening.push(p) });
		expect(opening.at(-1)).toEqual({ phase: 'read', done: byteLength, total: byteLength });
		expect(again.ntotal).toBe(3000);
	});

	it('let an index be searched, and not be changed, while it is saved', async () => {
		using index = large();
		const saving = saveIndex(index, at('busy.vecino'), {
			onProgress: () => {
				expect(index.search(new Float32Array(256), 1).labels).toEqual(Float64Array.of(0));
				expect(() => index.add(new Float32Array(256))).toThrow(expect.objectContaining({ code: 'busy' }));
			},
		});
		const { byteLength } = await saving;
		index.add(new Float32Array(256));
		using again = readIndex(await readFile(at('busy.vecino')));
		expect(again.ntotal).toBe(3000);
		expect(byteLength).toBe((await readFile(at('busy.vecino'))).length);
	});
});

describe('a save that fails', () => {
	/** A file that is there, saved by `save`, stays as it was; nothing is beside it. */
	async function expectUntouched(name: string, save: (path: string) => Promise<unknown>, code: string): Promise<void> {
		await mkdir(at(name));
		const path = join(at(name), 'index.vecino');
		await writeFile(path, 'old');
		await expect(save(path)).rejects.toMatchObject({ code });
		expect(await readdir(at(name))).toEqual(['index.vecino']);
		expect(await readFile(path, 'utf8')).toBe('old');
	}

	it('aborted at once, in the middle, at the end', async () => {
		using index = large();
		const aborted = AbortSignal.abort();
		await expectUntouched('abort-0', (path) => saveIndex(index, path, { signal: aborted }), 'aborted');
		for (const parts of [1, 2, 3]) {
			const abort = new AbortController();
			let left = parts;
			const onProgress = (): void => {
				if (--left === 0) abort.abort();
			};
			const save = (path: string): Promise<unknown> => saveIndex(index, path, { signal: abort.signal, onProgress });
			await expectUntouched(`abort-${parts}`, save, 'aborted');
		}
		index.add(new Float32Array(256));
		expect(index.ntotal).toBe(3001);
	});

	it('because the index is being changed', async () => {
		using index = new IndexFlat({ d: 16 });
		const adding = index.addAsync(new Float32Array(16 * 20_000), { sliceMs: 0 });
		await expectUntouched('changing', (path) => saveIndex(index, path), 'busy');
		await adding;
	});

	it('because the index is disposed, or out of step with the one inside', async () => {
		const index = new IndexFlat({ d: 2 });
		index[Symbol.dispose]();
		await expectUntouched('disposed', (path) => saveIndex(index, path), 'disposed');
		using refine = new IndexRefine({ base: new IndexFlat({ d: 2 }) });
		refine.base.add([[1, 2]]);
		await expectUntouched('out-of-step', (path) => saveIndex(refine, path), 'unsupported');
	});

	it('because the folder is missing', async () => {
		using index = new IndexFlat({ d: 2 });
		const saving = saveIndex(index, at('missing/index.vecino'));
		await expect(saving).rejects.toMatchObject({ code: 'storage', message: `no such folder: ${at('missing')}` });
		index.add([[1, 2]]);
		await expect(saveIndex(index, at('x.vecino'), { sync: true } as object)).rejects.toThrow(/unknown option "sync"/);
		await expect(saveIndex({} as IndexFlat, at('x.vecino'))).rejects.toThrow(TypeError);
	});
});

describe('a file that is not as it must be', () => {
	it('is named in the error', async () => {
		using index = new IndexFlat({ d: 2 });
		index.add([[1, 2]]);
		const path = at('cut.vecino');
		const { byteLength } = await saveIndex(index, path);
		await truncate(path, byteLength - 1);
		const message = `${path}: cut short: the file ends at byte ${byteLength - 1} of ${byteLength}`;
		await expect(loadIndex(path)).rejects.toMatchObject({ code: 'corrupt-data', message });
		await expect(loadIndex(pathToFileURL(path))).rejects.toMatchObject({ message });
		await expect(inspectIndexFile(path)).rejects.toMatchObject({ message });
		await truncate(path, 0);
		await expect(loadIndex(path)).rejects.toMatchObject({ code: 'corrupt-data' });
		await writeFile(path, 'version https://git-lfs.github.com/spec/v1\n');
		const lfs = `${path}: not a vecino index: a Git LFS pointer, not the file itself; fetch that with git lfs pull`;
		await expect(loadIndex(path)).rejects.toMatchObject({ code: 'unsupported', message: lfs });
	});

	it('or missing, or a folder', async () => {
		await expect(loadIndex(at('nothing.vecino'))).rejects.toMatchObject({ code: 'storage' });
		await expect(inspectIndexFile(folder)).rejects.toMatchObject({ code: 'storage' });
		await expect(loadIndex(at('nothing.vecino'), { name: 'x' } as object)).rejects.toThrow(/unknown option "name"/);
	});
});
