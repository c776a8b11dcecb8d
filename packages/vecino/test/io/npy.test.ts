/** .npy against files that NumPy wrote (fixtures/make-npy.py), by hand-built bytes, and against hostile ones. */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isVecinoError } from '../../src/errors.ts';
import { encodeNpy, npyHeader, parseNpyHeader } from '../../src/io/npy.ts';
import { bytesSource, type RangeSource } from '../../src/io/source.ts';
import { openVectorSource, type VectorFile } from '../../src/io/vectors.ts';

interface Expected {
	readonly n: number;
	readonly d: number;
	readonly dtype: string;
	readonly fortranOrder: boolean;
	/** Layout (n, d). */
	readonly values: number[];
	readonly refused?: string;
}

const fixture = (name: string): Uint8Array =>
	new Uint8Array(readFileSync(new URL(`../fixtures/npy/${name}`, import.meta.url)));
const expected = JSON.parse(new TextDecoder().decode(fixture('expected.json'))) as Record<string, Expected>;
const names = Object.keys(expected);
const good = names.filter((name) => expected[name]!.refused === undefined);
const refused = names.filter((name) => expected[name]!.refused !== undefined);

/** Bytes of a file with the header text as given, of version 1.0. */
function withHeader(header: string, values: Uint8Array = new Uint8Array(1000)): Uint8Array {
	const text = new TextEncoder().encode(`${header}\n`);
	const start = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8];
	return Uint8Array.from([...start, ...text, ...values]);
}

function shaped(shape: string, descr = "'<f4'"): Uint8Array {
	return withHeader(`{'descr': ${descr}, 'fortran_order': False, 'shape': ${shape}, }`);
}

const openBytes = (bytes: Uint8Array, name = 'x.npy'): Promise<VectorFile> =>
	openVectorSource(bytesSource(bytes), { name });

describe('.npy files that NumPy wrote', () => {
	it.each(good)('reads %s', async (name) => {
		const want = expected[name]!;
		const file = await openBytes(fixture(`${name}.npy`));
		expect([file.n, file.d]).toEqual([want.n, want.d]);
		expect(file.info).toMatchObject({ format: 'npy', dtype: want.dtype, fortranOrder: want.fortranOrder });
		expect(await file.read(0, want.n)).toEqual(Float32Array.from(want.values));
		if (want.dtype[0] !== 'f') expect(await file.readInts(0, want.n)).toEqual(Int32Array.from(want.values));
		else await expect(file.readInts(0, want.n)).rejects.toThrow('holds floats');
	});

	it.each(good)('reads every window of rows of %s', async (name) => {
		const { n, d, values } = expected[name]!;
		const file = await openBytes(fixture(`${name}.npy`));
		for (let start = 0; start <= n; start++) {
			for (let end = start; end <= n; end++) {
				const window = Float32Array.from(values.slice(start * d, end * d));
				expect(await file.read(start, end - start)).toEqual(window);
			}
		}
	});

	it.each(refused)('refuses %s with the reason', async (name) => {
		const file = openBytes(fixture(`${name}.npy`));
		const error: unknown = await file.then((opened) => opened.read(0, opened.n)).catch((thrown: unknown) => thrown);
		expect(isVecinoError(error, 'unsupported', 'not-finite'), String(error)).toBe(true);
		expect((error as Error).message).toContain(`x.npy: `);
		expect((error as Error).message).toContain(expected[name]!.refused);
	});

	it.each(good.filter((name) => name.endsWith('-C') && !/^(f2|i8)/.test(name)))(
		'writes the bytes of %s',
		async (name) => {
			const { n, d, dtype, values } = expected[name]!;
			const header = npyHeader(n, d, dtype as 'f4');
			expect(header).toEqual(fixture(`${name}.npy`).subarray(0, header.length));
			if (dtype === 'f8') return;
			const type = { f4: Float32Array, u1: Uint8Array, i1: Int8Array, i4: Int32Array }[dtype]!;
			expect(encodeNpy(type.from(values), d)).toEqual(fixture(`${name}.npy`));
		},
	);
});

describe('parseNpyHeader', () => {
	it.each([
		"{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}",
		'{"descr":"<f4","fortran_order":False,"shape":(2,3)}',
		"  {\n 'descr' : '<f4' ,\t'fortran_order' : False , 'shape' : ( 2 , 3 , ) , }   ",
		"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }",
		"{u'descr': u'<f4', u'fortran_order': False, u'shape': (2, 3)}",
		"{'descr': '=f4', 'fortran_order': False, 'shape': (2, 3)}",
		"{'descr': 'f4', 'fortran_order': False, 'shape': (2, 3)}",
	])('accepts %s', (header) => {
		const bytes = withHeader(header);
		const dataOffset = 10 + header.length + 1;
		expect(parseNpyHeader(bytes, 'x')).toEqual({ dtype: 'f4', n: 2, d: 3, fortranOrder: false, dataOffset });
	});

	it.each([
		['', 'corrupt-data'],
		['{}', 'corrupt-data'],
		['{,}', 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False}", 'corrupt-data'],
		["{'descr': '<f4', 'shape': (2, 3)}", 'corrupt-data'],
		["{'fortran_order': False, 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}", 'corrupt-data'],
		["{'descr': '<f4' 'fortran_order': False, 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': false, 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (-2, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (02, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2.0, 3)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3,,)}", 'corrupt-data'],
		["{'descr': '<f4', 'fortran_order': False, 'shape': ((2, 3))}", 'corrupt-data'],
		["{'descr': '<f\\'4', 'fortran_order': False, 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': '', 'fortran_order': False, 'shape': (2, 3)}", 'corrupt-data'],
		["{'descr': 4, 'fortran_order': False, 'shape': (2, 3)}", 'corrupt-data'],
		["__import__('os').system('true')", 'corrupt-data'],
		["{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,)}", 'unsupported'],
		["{'descr': ('<f4', (3,)), 'fortran_order': False, 'shape': (2,)}", 'unsupported'],
	])('refuses %s: %s', (header, code) => {
		expect(() => parseNpyHeader(withHeader(header), 'x')).toThrow(expect.objectContaining({ code }));
	});

	it('tells a newer version from a damaged one', () => {
		const bytes = shaped('(2, 3)');
		bytes[6] = 4;
		expect(() => parseNpyHeader(bytes, 'x')).toThrow(expect.objectContaining({ code: 'unsupported-version' }));
	});

	it('says how to convert and how to reshape', () => {
		expect(() => parseNpyHeader(shaped('(2, 3)', "'>f4'"), 'x')).toThrow("np.save(f, x.astype('<f4'))");
		expect(() => parseNpyHeader(shaped('(3,)'), 'x')).toThrow('x.reshape(1, -1)');
	});

	it('bounds what a header may claim', () => {
		for (const header of [
			`${'['.repeat(60_000)}`,
			`{'descr': ${'('.repeat(60_000)}`,
			`{'shape': (${'1,'.repeat(30_000)})}`,
		]) {
			expect(() => parseNpyHeader(withHeader(header), 'x')).toThrow(expect.objectContaining({ name: 'VecinoError' }));
		}
		const bytes = fixture('version-2.npy');
		bytes.set([255, 255, 255, 255], 8);
		expect(() => parseNpyHeader(bytes, 'x')).toThrow('its header claims 4294967295 bytes');
	});
});

describe('hostile .npy files', () => {
	const codes = ['corrupt-data', 'unsupported', 'unsupported-version', 'not-finite'] as const;

	/** Opens and reads; anything but success or an expected VecinoError fails the test. */
	async function probe(bytes: Uint8Array): Promise<unknown> {
		try {
			const file = await openBytes(bytes);
			expect(file.n * file.d).toBeLessThanOrEqual(bytes.length);
			return await file.read(0, file.n);
		} catch (error) {
			if (!isVecinoError(error, ...codes)) throw error;
			return error;
		}
	}

	it.each(['f4-C', 'f8-F', 'u1-C', 'version-2'])('%s, cut at every byte, is refused', async (name) => {
		const bytes = fixture(`${name}.npy`);
		for (let length = 0; length < bytes.length; length++) {
			expect(await probe(bytes.slice(0, length)), `${length} bytes`).toBeInstanceOf(Error);
		}
	});

	it('says how many bytes are expected and found', async () => {
		const bytes = fixture('f4-C.npy').slice(0, -1);
		await expect(openBytes(bytes)).rejects.toMatchObject({ code: 'corrupt-data', expected: 208, found: 207 });
	});

	it('accepts bytes after the values, as NumPy does', async () => {
		const bytes = Uint8Array.from([...fixture('f4-C.npy'), 1, 2, 3]);
		expect(await probe(bytes)).toEqual(Float32Array.from(expected['f4-C']!.values));
	});

	it.each(['f4-C', 'f2-F', 'version-2'])(
		'%s, with any bit of the header flipped, gives values or a VecinoError',
		async (name) => {
			const bytes = fixture(`${name}.npy`);
			for (let bit = 0; bit < 128 * 8; bit++) {
				const flipped = bytes.slice();
				flipped[bit >> 3]! ^= 1 << (bit & 7);
				await probe(flipped);
			}
		},
	);

	it.each([
		`(${2 ** 60}, 4)`,
		`(4, ${2 ** 60})`,
		`(${2n ** 64n}, ${2n ** 64n})`,
		`(${2 ** 31}, ${2 ** 31})`,
		`(${2 ** 52}, 1048576)`,
		`(0, ${2 ** 52})`,
		`(${'9'.repeat(5000)}, 1)`,
		`(1000000, 1000)`,
	])('refuses shape %s before anything is allocated', async (shape) => {
		let largest = 0;
		const bytes = shaped(shape);
		const source: RangeSource = {
			byteLength: bytes.length,
			read: async (offset, length) => {
				largest = Math.max(largest, length);
				return bytes.subarray(offset, offset + length);
			},
		};
		await expect(openVectorSource(source)).rejects.toMatchObject({ name: 'VecinoError' });
		expect(largest).toBeLessThanOrEqual(bytes.length);
	});

	it('survives random bytes after the magic', async () => {
		const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0];
		await fc.assert(
			fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (tail) => {
				await probe(Uint8Array.from([...magic, ...tail]));
			}),
			{ numRuns: 300 },
		);
	});
});

describe('reading .npy in parts', () => {
	/** Counts what is asked of the source. */
	function counted(bytes: Uint8Array): { source: RangeSource; reads: [offset: number, length: number][] } {
		const reads: [number, number][] = [];
		const read: RangeSource['read'] = (offset, length) => {
			reads.push([offset, length]);
			return bytesSource(bytes).read(offset, length);
		};
		return { source: { byteLength: bytes.length, read }, reads };
	}

	/** encodeNpy of the transpose, with the header of a Fortran-order array. */
	function fortran(values: Float32Array, n: number, d: number): Uint8Array {
		const columns = values.map((_, i) => values[(i % n) * d + Math.floor(i / n)]!);
		const header = `{'descr': '<f4', 'fortran_order': True, 'shape': (${n}, ${d}), }`;
		return withHeader(header, new Uint8Array(columns.buffer));
	}

	it('chunks() covers all rows once, whatever the size of a part', async () => {
		await fc.assert(
			fc.asyncProperty(
				fc.integer({ min: 0, max: 40 }),
				fc.integer({ min: 1, max: 9 }),
				fc.integer({ min: 1, max: 50 }),
				fc.boolean(),
				async (n, d, rowsPerChunk, columns) => {
					const values = Float32Array.from({ length: n * d }, (_, i) => i);
					const file = await openBytes(columns ? fortran(values, n, d) : encodeNpy(values, d));
					const seen: number[] = [];
					for await (const { start, data } of file.chunks({ rowsPerChunk })) {
						expect(start * d).toBe(seen.length);
						expect(data.length).toBeLessThanOrEqual(rowsPerChunk * d);
						seen.push(...data);
					}
					expect(seen).toEqual([...values]);
				},
			),
			{ numRuns: 100 },
		);
	});

	it('reads a window of a large Fortran-order file column by column', async () => {
		const [n, d] = [100_000, 6];
		const values = Float32Array.from({ length: n * d }, (_, i) => i);
		const { source, reads } = counted(fortran(values, n, d));
		const file = await openVectorSource(source);
		reads.length = 0;
		expect(await file.read(500, 10)).toEqual(values.subarray(500 * d, 510 * d));
		expect(reads.map(([, length]) => length)).toEqual(Array(d).fill(40));
		reads.length = 0;
		expect(await file.read(0, n)).toEqual(values);
		expect(reads).toHaveLength(1);
	});

	it('asks for at most 4 MiB at once', async () => {
		const [n, d] = [1_500_000, 2];
		const values = new Float32Array(n * d).fill(1.5);
		for (const bytes of [encodeNpy(values, d), fortran(values, n, d)]) {
			const { source, reads } = counted(bytes);
			const file = await openVectorSource(source);
			const data = await file.read(0, n);
			expect(data.length).toBe(n * d);
			expect(data.findIndex((value) => value !== 1.5)).toBe(-1);
			expect(Math.max(...reads.map(([, length]) => length))).toBeLessThanOrEqual(4 * 2 ** 20);
		}
	});

	it('takes ranges, options and signals at their word', async () => {
		const file = await openBytes(encodeNpy(new Float32Array(12), 3));
		await expect(file.read(0, 5)).rejects.toThrow(RangeError);
		await expect(file.read(-1, 1)).rejects.toThrow('VectorFile.read: start must be an integer in 0..4, got -1');
		await expect(file.read(0, 1, { sginal: 1 } as object)).rejects.toThrow('unknown option');
		expect(() => file.chunks({ rowsPerChunk: 0 })).toThrow(RangeError);
		const signal = AbortSignal.abort();
		await expect(file.read(0, 1, { signal })).rejects.toMatchObject({ code: 'aborted' });
	});

	it('refuses integers that would be rounded, and points to readInts', async () => {
		const ints = await openBytes(encodeNpy(Int32Array.of(1, 2, 3, 2 ** 24 + 1), 2));
		await expect(ints.read(0, 2)).rejects.toMatchObject({ code: 'unsupported', row: 1 });
		await expect(ints.read(0, 2)).rejects.toThrow('row 1 holds 16777217, which float32 cannot hold exactly');
		expect(await ints.readInts(0, 2)).toEqual(Int32Array.of(1, 2, 3, 2 ** 24 + 1));
		const longs = shaped('(2, 1)', "'<i8'");
		const at = longs.length - 1000;
		new DataView(longs.buffer).setBigInt64(at + 8, -(2n ** 31n) - 1n, true);
		await expect((await openBytes(longs)).readInts(0, 2)).rejects.toThrow(
			'row 1 holds -2147483649, which is outside int32',
		);
		new DataView(longs.buffer).setBigInt64(at + 8, 2n ** 53n + 1n, true);
		await expect((await openBytes(longs)).read(0, 2)).rejects.toThrow('row 1 holds an integer beyond 2**53');
	});
});

describe('writing .npy', () => {
	it('gives a header whose length does not depend on n', () => {
		const lengths = [0, 1, 10 ** 6, Number.MAX_SAFE_INTEGER].map((n) => npyHeader(n, 768, 'f4').length);
		expect(new Set(lengths)).toEqual(new Set([128]));
	});

	it('is read back as it was', async () => {
		const arrays = fc.oneof(
			fc.float32Array({ noNaN: true, noDefaultInfinity: true, maxLength: 60 }),
			fc.uint8Array({ maxLength: 60 }),
			fc.int8Array({ maxLength: 60 }),
		);
		await fc.assert(
			fc.asyncProperty(arrays, fc.integer({ min: 1, max: 8 }), async (values, d) => {
				const data = values.subarray(0, values.length - (values.length % d));
				const file = await openBytes(encodeNpy(data, d));
				expect(await file.read(0, file.n)).toEqual(Float32Array.from(data));
			}),
		);
	});

	it('checks its arguments', () => {
		expect(() => encodeNpy(new Float32Array(5), 2)).toThrow(
			'encodeNpy: data must hold whole rows of d = 2 values, got 5',
		);
		expect(() => encodeNpy([1, 2] as never, 2)).toThrow(TypeError);
		expect(() => npyHeader(1, 0, 'f4')).toThrow(RangeError);
		expect(() => npyHeader(1, 1, 'f16' as never)).toThrow(RangeError);
	});
});
