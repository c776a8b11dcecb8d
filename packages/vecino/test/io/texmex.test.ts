/** .fvecs, .bvecs and .ivecs by hand-built bytes, by round trips, and hostile; and files that are something else. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVecinoError } from '../../src/errors.ts';
import { encodeRows } from '../../src/io/encode.ts';
import { describeForeignFile } from '../../src/io/foreign.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { bytesSource } from '../../src/io/source.ts';
import { encodeBvecs, encodeFvecs, encodeIvecs } from '../../src/io/texmex.ts';
import { formatOfName, openVectorSource, type VectorFile } from '../../src/io/vectors.ts';

// Two rows of d = 2, each an int32 d and its values, little-endian.
const FVECS = Uint8Array.of(2, 0, 0, 0, 0, 0, 128, 63, 0, 0, 0, 192, 2, 0, 0, 0, 0, 0, 0, 63, 0, 0, 0, 0);
const BVECS = Uint8Array.of(2, 0, 0, 0, 7, 255, 2, 0, 0, 0, 0, 9);
const IVECS = Uint8Array.of(2, 0, 0, 0, 1, 0, 0, 0, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 128);

const openBytes = (bytes: Uint8Array, name: string): Promise<VectorFile> =>
	openVectorSource(bytesSource(bytes), { name });

describe('texmex files', () => {
	it('are read as laid out', async () => {
		const floats = await openBytes(FVECS, 'x.fvecs');
		expect(floats.info).toMatchObject({ format: 'fvecs', dtype: 'f4', n: 2, d: 2, rowStride: 12, itemSize: 4 });
		expect(await floats.read(0, 2)).toEqual(Float32Array.of(1, -2, 0.5, 0));
		expect(await floats.read(1, 1)).toEqual(Float32Array.of(0.5, 0));
		await expect(floats.readInts(0, 1)).rejects.toMatchObject({ code: 'unsupported' });
		const bytes = await openBytes(BVECS, 'x.BVECS');
		expect(bytes.info).toMatchObject({ format: 'bvecs', dtype: 'u1', n: 2, d: 2, rowStride: 6 });
		expect(await bytes.read(0, 2)).toEqual(Float32Array.of(7, 255, 0, 9));
		expect(await bytes.readInts(0, 2)).toEqual(Int32Array.of(7, 255, 0, 9));
		const ints = await openBytes(IVECS, 'x.ivecs');
		expect(ints.info).toMatchObject({ format: 'ivecs', dtype: 'i4', n: 2, d: 2, rowStride: 12 });
		expect(await ints.readInts(0, 2)).toEqual(Int32Array.of(1, -1, 256, -(2 ** 31)));
		expect(await ints.read(0, 1)).toEqual(Float32Array.of(1, -1));
	});

	it('are written as laid out', () => {
		expect(encodeFvecs(Float32Array.of(1, -2, 0.5, 0), 2)).toEqual(FVECS);
		expect(encodeBvecs(Uint8Array.of(7, 255, 0, 9), 2)).toEqual(BVECS);
		expect(encodeBvecs(Float32Array.of(7, 255, 0, 9), 2)).toEqual(BVECS);
		expect(encodeIvecs(Int32Array.of(1, -1, 256, -(2 ** 31)), 2)).toEqual(IVECS);
		expect(encodeFvecs(new Float32Array(0), 2)).toHaveLength(0);
	});

	it('are read at any alignment of the bytes in memory', async () => {
		const shifted = new Uint8Array(FVECS.length + 1).subarray(1);
		shifted.set(FVECS);
		expect(await (await openBytes(shifted, 'x.fvecs')).read(0, 2)).toEqual(Float32Array.of(1, -2, 0.5, 0));
	});

	it('take the format from the options where the name does not say it', async () => {
		expect(formatOfName('a.b/base.FVECS')).toBe('fvecs');
		expect(formatOfName('fvecs')).toBeUndefined();
		await expect(openBytes(FVECS, 'x.bin')).rejects.toThrow('x.bin: not recognised as a file of vectors');
		const file = await openVectorSource(bytesSource(FVECS), { name: 'x.bin', format: 'fvecs' });
		expect(file.n).toBe(2);
		await expect(openVectorSource(bytesSource(FVECS), { format: 'hvecs' as 'fvecs' })).rejects.toThrow(RangeError);
	});

	it('read back as written, for every format and size of part', async () => {
		const columns = fc.integer({ min: 1, max: 9 });
		const rowsPerChunk = fc.integer({ min: 1, max: 20 });
		const cases = fc.oneof(
			fc.record({
				format: fc.constant('fvecs' as const),
				values: fc.float32Array({ noNaN: true, noDefaultInfinity: true, minLength: 9, maxLength: 90 }),
			}),
			fc.record({ format: fc.constant('bvecs' as const), values: fc.uint8Array({ minLength: 9, maxLength: 90 }) }),
			fc.record({ format: fc.constant('ivecs' as const), values: fc.int32Array({ minLength: 9, maxLength: 90 }) }),
		);
		await fc.assert(
			fc.asyncProperty(cases, columns, rowsPerChunk, async ({ format, values }, d, rows) => {
				const data = values.subarray(0, values.length - (values.length % d));
				const parts: number[] = [];
				for (let at = 0; at < data.length; at += rows * d) {
					parts.push(...encodeRows(data.subarray(at, at + rows * d), d, format, 'f4', at / d));
				}
				const file = await openBytes(Uint8Array.from(parts), `x.${format}`);
				expect([file.n, file.d]).toEqual([data.length / d, d]);
				if (format === 'ivecs') {
					expect(await file.readInts(0, file.n)).toEqual(data);
					return;
				}
				const seen: number[] = [];
				for await (const chunk of file.chunks({ rowsPerChunk: rows })) seen.push(...chunk.data);
				expect(seen).toEqual([...data]);
			}),
		);
	});
});

describe('what a texmex format cannot hold is refused', () => {
	it('names the row of the file', () => {
		const refusal = { code: 'unsupported', row: 11 };
		expect(() => encodeBvecs(Float32Array.of(1, 2, 3, 256), 2, 10)).toThrow(expect.objectContaining(refusal));
		expect(() => encodeBvecs(Float32Array.of(1, 2, 3, 0.5), 2, 10)).toThrow(
			'row 11 holds 0.5; .bvecs holds integers in',
		);
		expect(() => encodeBvecs(Float32Array.of(1, 2, 3, Number.NaN), 2, 10)).toThrow(expect.objectContaining(refusal));
		expect(() => encodeIvecs(Float64Array.of(1, 2, 3, 2 ** 31), 2, 10)).toThrow(expect.objectContaining(refusal));
		expect(() => encodeFvecs(new Float32Array(3), 2)).toThrow(RangeError);
		expect(() => encodeFvecs([1, 2] as never, 2)).toThrow(TypeError);
		const infinite = Float32Array.of(1, 2, 3, Infinity);
		expect(() => encodeRows(infinite, 2, 'fvecs', 'f4', 10)).toThrow(
			expect.objectContaining({ code: 'not-finite', row: 11 }),
		);
		expect(() => encodeRows(Int32Array.of(0, 2 ** 24 + 1), 1, 'fvecs', 'f4', 10)).toThrow(
			expect.objectContaining(refusal),
		);
		expect(() => encodeRows(Float64Array.of(0, 1e300), 1, 'npy', 'f4', 10)).toThrow('row 11 holds 1e+300');
		expect(() => encodeRows(Float32Array.of(0, 128), 1, 'npy', 'i1', 10)).toThrow(
			'.npy of i1 holds integers in -128..127',
		);
	});
});

describe('hostile texmex files', () => {
	it.each([
		['fvecs', FVECS],
		['bvecs', BVECS],
		['ivecs', IVECS],
	] as const)('.%s cut at every byte names the row that is short', async (format, bytes) => {
		for (let length = 0; length < bytes.length; length++) {
			if (length === bytes.length / 2) continue; // one whole row
			await expect(openBytes(bytes.slice(0, length), `x.${format}`), `${length}`).rejects.toMatchObject({
				code: 'corrupt-data',
				...(length === 0 ? {} : { row: length < bytes.length / 2 ? 0 : 1 }),
			});
		}
	});

	it('names a row of another d, and both values', async () => {
		const bytes = new Uint8Array(300 * 12);
		for (let i = 0; i < 300; i++) bytes.set(FVECS.subarray(0, 12), i * 12);
		bytes[257 * 12] = 3;
		const file = await openBytes(bytes, 'x.fvecs');
		expect(await file.read(0, 257)).toHaveLength(514);
		await expect(file.read(200, 100)).rejects.toMatchObject({ code: 'corrupt-data', row: 257, expected: 2, found: 3 });
		await expect(file.read(257, 1)).rejects.toThrow('x.fvecs: row 257 has d = 3, but row 0 has d = 2');
	});

	it('names the row of a value that is not finite', async () => {
		const bytes = encodeFvecs(Float32Array.of(1, 2, 3, 4, 5, Number.NaN), 2);
		const file = await openBytes(bytes, 'x.fvecs');
		expect(await file.read(0, 2)).toHaveLength(4);
		await expect(file.read(1, 2)).rejects.toThrow('x.fvecs: row 2 holds NaN; remove or replace it');
		await expect(file.read(1, 2)).rejects.toMatchObject({ code: 'not-finite', row: 2 });
	});

	it.each([0, -1, 2 ** 20 + 1, 2 ** 31 - 1])('refuses d = %i', async (d) => {
		const bytes = new Uint8Array(64);
		new DataView(bytes.buffer).setInt32(0, d, true);
		await expect(openBytes(bytes, 'x.fvecs')).rejects.toThrow(`x.fvecs: row 0 has d = ${d}, expected 1..1048576`);
	});

	it('hints at the other format when the size fits it', async () => {
		await expect(openBytes(encodeBvecs(new Uint8Array(30), 10), 'x.fvecs')).rejects.toThrow('its size fits .bvecs');
		await expect(openBytes(encodeFvecs(new Float32Array(30), 10), 'x.bvecs')).rejects.toThrow('fits .fvecs or .ivecs');
	});

	it('survives random bytes', async () => {
		const formats = fc.constantFrom('x.fvecs', 'x.bvecs', 'x.ivecs', 'x.npy', 'x');
		await fc.assert(
			fc.asyncProperty(fc.uint8Array({ maxLength: 200, max: 12 }), formats, async (bytes, name) => {
				try {
					const file = await openBytes(bytes, name);
					await file.read(0, file.n);
				} catch (error) {
					if (!isVecinoError(error, 'corrupt-data', 'unsupported', 'not-finite')) throw error;
				}
			}),
			{ numRuns: 500 },
		);
	});

	it('refuses a source that gives less than was asked', async () => {
		const source = { byteLength: 24, read: async (offset: number) => FVECS.subarray(offset, offset + 5) };
		await expect(openVectorSource(source, { name: 'x.fvecs' })).rejects.toMatchObject({ code: 'storage' });
	});
});

describe('other kinds of file', () => {
	const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

	it.each([
		['version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n', 'a Git LFS pointer'],
		['VECINO\0\x01', 'a vecino index'],
		['\x1f\x8b\x08\0\0\0\0\0', 'compressed with gzip'],
		['\x28\xb5\x2f\xfd\0\0', 'compressed with zstd'],
		['PK\x03\x04\x14\0', 'a zip archive (.npz'],
		['\x89HDF\r\n\x1a\n', 'an HDF5 file'],
		['PAR1\x15\0', 'a Parquet file'],
		['ARROW1\0\0', 'an Arrow file'],
		['\x80\x04\x95\x10\0\0', 'a Python pickle'],
		['\x40\0\0\0\0\0\0\0{"a":', 'a safetensors file'],
		['IxF2\x80\0\0\0', 'a FAISS index (IxF2)'],
		['IxFI\x80\0\0\0', 'a FAISS index (IxFI)'],
		['IwPQ\x80\0\0\0', 'a FAISS index (IwPQ)'],
		['IHNf\x80\0\0\0', 'a FAISS index (IHNf)'],
		['[[1, 2], [3, 4]]', 'JSON text'],
		['\xef\xbb\xbf {"a": 1}', 'JSON text'],
		['1.5,2.5,3.5\n', 'text (CSV?)'],
		['<!DOCTYPE html><html>', 'an HTML or XML page'],
	])('%j is named', async (content, what) => {
		expect(describeForeignFile(latin1(content))).toContain(what);
		for (const name of ['x.fvecs', 'x.npy', 'x']) {
			await expect(openBytes(latin1(content), name)).rejects.toThrow(`${name}: ${what}`);
			await expect(openBytes(latin1(content), name)).rejects.toMatchObject({ code: 'unsupported' });
		}
	});

	it('no texmex file of a sensible d is taken for one', () => {
		const taken: number[] = [];
		for (let d = 1; d < 66_000; d++) {
			for (const filler of [0, 1, 63, 0x7b]) {
				const head = new Uint8Array(16).fill(filler);
				new DataView(head.buffer).setInt32(0, d, true);
				if (describeForeignFile(head) !== undefined) taken.push(d);
			}
		}
		expect(taken).toEqual([]);
	});

	it('an .npy file by another name is read as .npy; a false .npy is refused', async () => {
		const bytes = encodeNpy(Float32Array.of(1, 2), 2);
		expect((await openBytes(bytes, 'x.fvecs')).info.format).toBe('npy');
		await expect(openVectorSource(bytesSource(bytes), { format: 'fvecs' })).rejects.toThrow(
			'an .npy file, opened as fvecs',
		);
		await expect(openBytes(FVECS, 'x.npy')).rejects.toMatchObject({ code: 'corrupt-data' });
	});
});
