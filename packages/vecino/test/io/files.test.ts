/** Vector files on disk: round trips in every format, atomic replacement, and errors a person can act on. */
import { chmod, lstat, mkdir, mkdtemp, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeNpy, npyHeader } from '../../src/io/npy.ts';
import { encodeBvecs, encodeFvecs, encodeIvecs } from '../../src/io/texmex.ts';
import {
	convertVectors,
	fileSource,
	openVectors,
	readVectors,
	writeFileAtomic,
	writeVectors,
} from '../../src/node/files.ts';
import type { Progress } from '../../src/util/steps.ts';

let folder = '';
const at = (name: string): string => join(folder, name);
const bytesAt = async (name: string): Promise<Uint8Array> => new Uint8Array(await readFile(at(name)));
const temporaries = async (): Promise<string[]> => (await readdir(folder)).filter((name) => name.endsWith('.tmp'));

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'vecino-files-'));
	await mkdir(at('folder'));
	await writeFile(at('empty.npy'), '');
	await writeFile(at('three.npy'), encodeNpy(Float32Array.of(1, 2, 3, 4, 5, 6), 2));
});

afterAll(async () => {
	await rm(folder, { recursive: true, force: true });
});

describe('fileSource', () => {
	it('reads ranges, also at the same time', async () => {
		await writeFile(at('bytes'), Uint8Array.of(0, 1, 2, 3, 4, 5, 6, 7));
		await using source = await fileSource(pathToFileURL(at('bytes')));
		expect(source.byteLength).toBe(8);
		const ranges = await Promise.all([source.read(0, 3), source.read(5, 3), source.read(8, 0), source.read(2, 2)]);
		expect(ranges.map((range) => [...range])).toEqual([[0, 1, 2], [5, 6, 7], [], [2, 3]]);
		await expect(source.read(7, 2)).rejects.toMatchObject({ code: 'storage' });
		await expect(source.read(-1, 2)).rejects.toMatchObject({ code: 'storage' });
		await expect(source.read(0, 2, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'aborted' });
		await source.close();
		await source.close();
		await expect(source.read(0, 1)).rejects.toMatchObject({ code: 'disposed' });
	});
});

describe('openVectors', () => {
	it('gives the rows, and closes', async () => {
		const file = await openVectors(at('three.npy'));
		expect([file.n, file.d, file.info.format]).toEqual([3, 2, 'npy']);
		expect(await file.read(1, 2)).toEqual(Float32Array.of(3, 4, 5, 6));
		await file.close();
		await expect(file.read(0, 1)).rejects.toMatchObject({ code: 'disposed' });
		expect(await readVectors(at('three.npy'))).toEqual({ data: Float32Array.of(1, 2, 3, 4, 5, 6), n: 3, d: 2 });
	});

	it('reads a file larger than memory in parts', async () => {
		const [n, d] = [6 * 2 ** 20, 1024];
		const header = npyHeader(n, d, 'u1');
		const handle = await open(at('large.npy'), 'w');
		await handle.write(header);
		await handle.truncate(header.length + n * d); // no blocks behind it: 6 GiB of zeros
		await handle.write(Uint8Array.of(7), 0, 1, header.length + (n - 1) * d);
		await handle.close();
		await using file = await openVectors(at('large.npy'));
		const last = await file.read(n - 2, 2);
		expect(last.length).toBe(2 * d);
		expect(last[d]).toBe(7);
		for await (const { start, data } of file.chunks({ start: n - 5000 })) {
			expect(start).toBe(n - 5000);
			expect(data.byteLength).toBe(8 * 2 ** 20);
			break;
		}
	});

	it.each([
		['absent.npy', 'no such file: '],
		['absent/x.npy', 'no such file: '],
		['three.npy/x.npy', 'a part of the path is not a folder: '],
		['folder', 'a folder, not a file: '],
		['empty.npy', 'an empty file: '],
	])('says in one line what is wrong with %s', async (name, message) => {
		for (const reading of [openVectors, readVectors]) {
			const error: unknown = await reading(at(name)).catch((thrown: unknown) => thrown);
			expect(error).toMatchObject({ name: 'VecinoError', code: 'storage', message: `${message}${at(name)}` });
			if (name.includes('x.npy') || name.includes('absent')) expect((error as Error).cause).toBeInstanceOf(Error);
		}
	});

	it('names other kinds of file, with the path', async () => {
		await writeFile(at('pointer.fvecs'), 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n');
		await expect(openVectors(at('pointer.fvecs'))).rejects.toThrow(`${at('pointer.fvecs')}: a Git LFS pointer`);
		await writeFile(at('x.bin'), encodeFvecs(Float32Array.of(1, 2), 2));
		await expect(openVectors(at('x.bin'))).rejects.toThrow('give the format');
		expect((await readVectors(at('x.bin'), { format: 'fvecs' })).n).toBe(1);
	});

	it('checks its arguments', async () => {
		await expect(openVectors(3 as never)).rejects.toThrow('openVectors: path must be a path or a file URL, got 3');
		await expect(openVectors(at('three.npy'), { formt: 'npy' } as object)).rejects.toThrow('unknown option');
	});
});

describe('writeVectors', () => {
	it('reads back as written, for every format and division into parts', async () => {
		const formats = fc.constantFrom('npy', 'fvecs', 'bvecs', 'ivecs');
		const sizes = fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 6 });
		await fc.assert(
			fc.asyncProperty(
				formats,
				sizes,
				fc.integer({ min: 1, max: 6 }),
				fc.boolean(),
				async (format, parts, d, known) => {
					let next = 0;
					const chunks = parts.map((rows) => Float32Array.from({ length: rows * d }, () => next++ % 256));
					const all = Float32Array.from(chunks.flatMap((chunk) => [...chunk]));
					fc.pre(all.length > 0 || format === 'npy');
					const n = all.length / d;
					const path = at(`round.${format}`);
					const written = await writeVectors(path, chunks, { d, n: known ? n : undefined });
					expect(written).toEqual({ n, d, byteLength: (await stat(path)).size });
					expect(await readVectors(path)).toEqual({ data: all, n, d });
				},
			),
			{ numRuns: 60 },
		);
		expect(await temporaries()).toEqual([]);
	});

	it('writes the same bytes whether n is known or not, from an array, a list or a stream', async () => {
		const data = Float32Array.of(1, 2, 3, 4, 5, 6);
		const stream = async function* (): AsyncGenerator<Float32Array> {
			for (let row = 0; row < 3; row++) yield data.subarray(row * 2, row * 2 + 2);
		};
		await writeVectors(at('a.npy'), data, { d: 2 });
		await writeVectors(at('b.npy'), [data.subarray(0, 4), data.subarray(4)], { d: 2, n: 3 });
		await writeVectors(pathToFileURL(at('c.npy')), stream(), { d: 2 });
		for (const name of ['a.npy', 'b.npy', 'c.npy']) expect(await bytesAt(name)).toEqual(encodeNpy(data, 2));
		await writeVectors(at('d.npy'), new Int32Array(data), { d: 2, dtype: 'u1' });
		expect(await bytesAt('d.npy')).toEqual(encodeNpy(new Uint8Array(data), 2));
		await writeVectors(at('e.bin'), data, { d: 3, format: 'bvecs' });
		expect(await bytesAt('e.bin')).toEqual(encodeBvecs(data, 3));
	});

	it('tells how far it is', async () => {
		const seen: Progress[] = [];
		const chunks = [new Float32Array(4), new Float32Array(2)];
		await writeVectors(at('p.fvecs'), chunks, { d: 2, n: 3, onProgress: (progress) => seen.push(progress) });
		expect(seen).toEqual([
			{ phase: 'write', done: 2, total: 3 },
			{ phase: 'write', done: 3, total: 3 },
		]);
	});

	it('refuses what a format cannot hold, and leaves the old file as it was', async () => {
		const old = encodeNpy(Float32Array.of(9), 1);
		for (const name of ['old.npy', 'old.bvecs', 'old.fvecs']) await writeFile(at(name), old);
		const rows = [Float32Array.of(1, 2), Float32Array.of(3, Number.NaN)];
		const failures: [() => Promise<unknown>, object][] = [
			[() => writeVectors(at('old.npy'), rows, { d: 1 }), { code: 'not-finite', row: 3 }],
			[() => writeVectors(at('old.fvecs'), rows, { d: 1 }), { code: 'not-finite', row: 3 }],
			[() => writeVectors(at('old.bvecs'), [Float32Array.of(1, 256)], { d: 1 }), { code: 'unsupported', row: 1 }],
			[
				() => writeVectors(at('old.npy'), [Float32Array.of(1, 256)], { d: 1, dtype: 'i1' }),
				{ code: 'unsupported', row: 1 },
			],
			[() => writeVectors(at('old.fvecs'), [], { d: 1 }), { code: 'unsupported' }],
			[() => writeVectors(at('old.npy'), [new Float32Array(3)], { d: 2 }), { name: 'RangeError' }],
			[() => writeVectors(at('old.npy'), [new Float32Array(4)], { d: 2, n: 3 }), { name: 'RangeError' }],
			[() => writeVectors(at('old.npy'), [[1, 2]] as never, { d: 2 }), { name: 'TypeError' }],
			[() => writeVectors(at('old.npy'), rows, { d: 0 }), { name: 'RangeError' }],
			[() => writeVectors(at('old.npy'), rows, { d: 1, dtype: 'f8' as 'f4' }), { name: 'RangeError' }],
			[() => writeVectors(at('old.txt'), rows, { d: 1 }), { code: 'unsupported' }],
		];
		for (const [writing, error] of failures) await expect(writing()).rejects.toMatchObject(error);
		for (const name of ['old.npy', 'old.bvecs', 'old.fvecs']) expect(await bytesAt(name)).toEqual(old);
		expect(await temporaries()).toEqual([]);
	});
});

describe('convertVectors', () => {
	it('keeps integers integers, and rounds float64 only', async () => {
		const ints = Int32Array.of(1, 2, 3, 2 ** 24 + 1);
		const bytes = Uint8Array.of(0, 1, 254, 255);
		await writeFile(at('i.ivecs'), encodeIvecs(ints, 2));
		await writeFile(at('b.bvecs'), encodeBvecs(bytes, 2));
		await writeFile(at('f8.npy'), encodeNpy(Float64Array.of(0.1, 0.2), 2));
		expect(await convertVectors(at('i.ivecs'), at('i.npy'))).toMatchObject({ n: 2, d: 2 });
		expect(await bytesAt('i.npy')).toEqual(encodeNpy(ints, 2));
		await convertVectors(at('i.npy'), at('i2.ivecs'));
		expect(await bytesAt('i2.ivecs')).toEqual(encodeIvecs(ints, 2));
		await expect(convertVectors(at('i.npy'), at('i.fvecs'))).rejects.toMatchObject({ code: 'unsupported', row: 1 });
		await convertVectors(at('b.bvecs'), at('b.npy'));
		expect(await bytesAt('b.npy')).toEqual(encodeNpy(bytes, 2));
		await convertVectors(at('b.npy'), at('b.fvecs'));
		expect(await bytesAt('b.fvecs')).toEqual(encodeFvecs(bytes, 2));
		await convertVectors(at('b.fvecs'), at('b2.bvecs'));
		expect(await bytesAt('b2.bvecs')).toEqual(encodeBvecs(bytes, 2));
		await convertVectors(at('f8.npy'), at('f8.npy')); // onto itself
		expect(await bytesAt('f8.npy')).toEqual(encodeNpy(Float32Array.of(0.1, 0.2), 2));
		await expect(convertVectors(at('f8.npy'), at('f8.csv'))).rejects.toThrow('give outputFormat');
	});

	it('reads NumPy Fortran order', async () => {
		const fixture = new URL('../fixtures/npy/f4-F.npy', import.meta.url);
		await convertVectors(fixture, at('columns.npy'));
		const plain = await readFile(new URL('../fixtures/npy/f4-C.npy', import.meta.url));
		expect(await bytesAt('columns.npy')).toEqual(new Uint8Array(plain));
	});

	it('stops when told, and leaves nothing behind', async () => {
		const data = new Float32Array(3 * 2 ** 20);
		await writeVectors(at('long.fvecs'), data, { d: 4 });
		const controller = new AbortController();
		const onProgress = (): void => controller.abort();
		const converting = convertVectors(at('long.fvecs'), at('long.npy'), { signal: controller.signal, onProgress });
		await expect(converting).rejects.toMatchObject({ code: 'aborted' });
		await expect(stat(at('long.npy'))).rejects.toMatchObject({ code: 'ENOENT' });
		expect(await temporaries()).toEqual([]);
	});
});

describe('writeFileAtomic', () => {
	it('writes one array, a list or a stream, and counts the bytes', async () => {
		const shared = new Uint8Array(new SharedArrayBuffer(3)).fill(5);
		const stream = async function* (): AsyncGenerator<Uint8Array> {
			yield Uint8Array.of(1);
			yield new Uint8Array(0);
			yield Buffer.from([2]);
			yield shared;
		};
		const seen: number[] = [];
		expect(await writeFileAtomic(at('w'), stream(), { onProgress: ({ done }) => seen.push(done) })).toBe(5);
		expect([...(await bytesAt('w'))]).toEqual([1, 2, 5, 5, 5]);
		expect(seen).toEqual([1, 2, 5]);
		expect(await writeFileAtomic(at('w'), [Uint8Array.of(7), Uint8Array.of(8)])).toBe(2);
		expect(await writeFileAtomic(at('w'), Uint8Array.of(9))).toBe(1);
		expect([...(await bytesAt('w'))]).toEqual([9]);
		const large = new Uint8Array(40 * 2 ** 20).fill(3);
		expect(await writeFileAtomic(at('w'), large)).toBe(large.length);
		expect(Buffer.compare(await readFile(at('w')), large)).toBe(0);
	});

	it('passes on what the chunks throw, and keeps the old file', async () => {
		await writeFile(at('kept'), 'old');
		const failing = function* (): Generator<Uint8Array> {
			yield Uint8Array.of(1);
			throw new Error('no more');
		};
		await expect(writeFileAtomic(at('kept'), failing())).rejects.toThrow('no more');
		await expect(writeFileAtomic(at('kept'), ['text'] as never)).rejects.toThrow(TypeError);
		await expect(writeFileAtomic(at('kept'), [], { signal: AbortSignal.abort() })).rejects.toMatchObject({
			code: 'aborted',
		});
		expect(await readFile(at('kept'), 'utf8')).toBe('old');
		expect(await temporaries()).toEqual([]);
	});

	it('shows the old file until the new one is whole', async () => {
		await writeFile(at('whole'), 'old');
		const watched = async function* (): AsyncGenerator<Uint8Array> {
			yield Uint8Array.of(1, 2);
			expect(await readFile(at('whole'), 'utf8')).toBe('old');
			expect(await temporaries()).toHaveLength(1);
			yield Uint8Array.of(3);
		};
		await writeFileAtomic(at('whole'), watched());
		expect([...(await bytesAt('whole'))]).toEqual([1, 2, 3]);
	});

	it.skipIf(process.platform === 'win32')('follows a link and keeps permissions', async () => {
		await writeFile(at('target'), 'old', { mode: 0o640 });
		await chmod(at('target'), 0o640);
		await symlink(at('target'), at('link'));
		await writeFileAtomic(at('link'), Uint8Array.of(65));
		expect((await lstat(at('link'))).isSymbolicLink()).toBe(true);
		expect(await readFile(at('target'), 'utf8')).toBe('A');
		expect((await stat(at('target'))).mode & 0o777).toBe(0o640);
	});

	it('takes names as long as the file system allows', async () => {
		const name = `${'ä'.repeat(120)}.bin`;
		expect(await writeFileAtomic(at(name), Uint8Array.of(1))).toBe(1);
		expect((await stat(at(name))).size).toBe(1);
	});

	it.each([
		['absent/x.npy', () => `no such folder: ${at('absent')}`],
		['folder', () => `a folder, not a file: ${at('folder')}`],
		['three.npy/x.npy', () => `a part of the path is not a folder: ${at('three.npy/x.npy')}`],
	])('says in one line why %s cannot be written', async (name, message) => {
		const writing = writeFileAtomic(at(name), Uint8Array.of(1));
		await expect(writing).rejects.toMatchObject({ name: 'VecinoError', code: 'storage', message: message() });
		await expect(writeVectors(at(name), Float32Array.of(1), { d: 1, format: 'npy' })).rejects.toThrow(message());
	});

	const mayWriteAll = process.platform === 'win32' || process.getuid?.() === 0;
	it.skipIf(mayWriteAll)('says when a folder or a file is read-only', async () => {
		await mkdir(at('locked'), { mode: 0o555 });
		await expect(writeFileAtomic(at('locked/x'), Uint8Array.of(1))).rejects.toThrow('no permission to write');
		await writeFile(at('readonly'), 'old', { mode: 0o444 });
		await expect(writeFileAtomic(at('readonly'), Uint8Array.of(1))).rejects.toThrow('no permission to write');
	});
});
