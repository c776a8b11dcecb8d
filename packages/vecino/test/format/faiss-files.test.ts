/** FAISS files by path and from sources: progress, abort, what stands in the way; and writing beside other work. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIVFPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexRaBitQ } from '../../src/indexes/rabitq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { openFaissIndex, readFaissIndex } from '../../src/io/faiss/read.ts';
import { faissIndexChunks, writeFaissIndex } from '../../src/io/faiss/write.ts';
import { bytesSource, type RangeSource } from '../../src/io/source.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';
import { loadFaissIndex, saveFaissIndex } from '../../src/node/faiss-files.ts';
import { clustered } from '../support/data.ts';

const folder = mkdtempSync(join(tmpdir(), 'vecino-faiss-files-'));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, 'x.faiss');
const base = clustered(40_000, 32);

it('saves and loads by path and URL, with progress', async () => {
	using index = new IndexFlat({ d: 32 });
	index.add(base);
	const saved: number[] = [];
	const { byteLength } = await saveFaissIndex(index, path, {
		onProgress: ({ done, total }) => saved.push(done / total),
	});
	expect(byteLength).toBe(4 + 33 + 8 + 40_000 * 128);
	expect(Buffer.from(writeFaissIndex(index)).equals(readFileSync(path))).toBe(true);
	expect(saved.at(-1)).toBe(1);
	const read: number[] = [];
	using again = await loadFaissIndex(pathToFileURL(path), { onProgress: ({ done, total }) => read.push(done / total) });
	expect(read.length).toBeGreaterThan(4);
	expect(read.at(-1)).toBe(1);
	expect(again.search(base.slice(7, 9), 1).labels).toEqual(Float64Array.of(7, 8));
	for (const chunk of faissIndexChunks(index)) expect(chunk.length).toBeLessThanOrEqual(2 ** 20);
});

it('an abort leaves nothing behind, of memory or files', async () => {
	const engine = createEngineSync();
	const bytes = new Uint8Array(readFileSync(path));
	const controller = new AbortController();
	const onProgress = (): void => controller.abort();
	await expect(
		openFaissIndex(bytesSource(bytes), { engine, signal: controller.signal, onProgress }),
	).rejects.toMatchObject({
		code: 'aborted',
	});
	expect(engine.arena.allocatedBytes).toBe(0);
	using index = new IndexFlat({ d: 32 });
	index.add(base);
	const other = join(folder, 'y.faiss');
	await expect(saveFaissIndex(index, other, { signal: AbortSignal.abort() })).rejects.toMatchObject({
		code: 'aborted',
	});
	expect(existsSync(other)).toBe(false);
	index.add(base.slice(0, 1));
});

it('says which file it is that cannot be read or written', async () => {
	await expect(loadFaissIndex(join(folder, 'none'))).rejects.toThrow(/no such file/);
	using index = new IndexRaBitQ({ d: 6 });
	const message = 'writeFaissIndex: IndexRaBitQ cannot be written to a FAISS file';
	await expect(saveFaissIndex(index, path)).rejects.toThrow(message);
	expect(() => writeFaissIndex(index)).toThrow(expect.objectContaining({ code: 'unsupported' }));
	expect(() => writeFaissIndex({} as Index)).toThrow(/^writeFaissIndex: index must be an index/);
	await expect(openFaissIndex({} as RangeSource)).rejects.toThrow(/openFaissIndex: source must be/);
	// The file is as it was.
	using again = await loadFaissIndex(path);
	expect(again.ntotal).toBe(40_000);
});

it('holds the index and those inside it off while it is written', () => {
	using index = new IndexRefine({ base: new IndexFlat({ d: 32 }) });
	index.add(base.slice(0, 100));
	const chunks = faissIndexChunks(index);
	chunks.next();
	for (const each of [index, index.base, index.refine]) {
		expect(() => each.add(base.slice(0, 1))).toThrow(expect.objectContaining({ code: 'busy' }));
	}
	chunks.return();
	index.add(base.slice(0, 1));
	expect(readFaissIndex(writeFaissIndex(index))[Symbol.dispose]()).toBeUndefined();
	index.base.add(base.slice(0, 1));
	expect(() => writeFaissIndex(index)).toThrow(/changed behind its back/);
});

it('an index that was read is as large and finds as much as the one that was written', () => {
	using index = new IndexIVFPQFastScan({ d: 32, nlist: 64, m: 16 });
	index.train(base.slice(0, 8000), { niter: 3 }).add(base).shrink();
	using again = readFaissIndex(writeFaissIndex(index));
	expect(again.byteLength).toBe(index.byteLength);
	const [found, expected] = [again, index].map((one) => one.search(base.slice(0, 200), 10, { nprobe: 4 }));
	let same = 0;
	for (let q = 0; q < 200; q++) {
		const labels = expected!.hits(q).map(({ label }) => label);
		same += found!.hits(q).filter(({ label }) => labels.includes(label)).length;
	}
	// Terms are rounded in a range of their own.
	expect(same).toBeGreaterThan(1950);
});
