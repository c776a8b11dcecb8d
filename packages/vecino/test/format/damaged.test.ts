/** Files that were cut short, changed on their way, or are something else: an error that says so, and no leak. */
import { describe, expect, it } from 'vitest';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError, VecinoError } from '../../src/errors.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexIVFPQFastScan, IndexPQFastScan } from '../../src/indexes/fast-scan.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexHNSW } from '../../src/indexes/hnsw.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPQ } from '../../src/indexes/pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexIVFRaBitQ, IndexRaBitQ } from '../../src/indexes/rabitq.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { encodeNpy } from '../../src/io/npy.ts';
import { openIndex, readIndex } from '../../src/io/read-index.ts';
import { bytesSource } from '../../src/io/source.ts';
import { encodeFvecs } from '../../src/io/texmex.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { createEngineSync, type Engine } from '../../src/kernels/engine.ts';
import { LinearTransform } from '../../src/transforms/linear.ts';
import { PCATransform } from '../../src/transforms/pca.ts';
import { clustered } from '../support/data.ts';

const rows = clustered(11, 4, { rank: 2 });

/** Between them: every kind of section, and padding of every kind. */
const MAKERS: readonly (readonly [name: string, make: () => Index])[] = [
	['IndexFlat', () => new IndexFlat({ d: 4 })],
	['IndexPQ', () => new IndexPQ({ d: 4, m: 3, nbits: 4, pad: true, metric: 'ip' })],
	['IndexIVFFlat', () => new IndexIVFFlat({ d: 4, nlist: 2, metric: 'cosine' })],
	['IndexIVFPQFastScan', () => new IndexIVFPQFastScan({ d: 4, m: 2, nlist: 2 })],
	['IndexIVFRaBitQ', () => new IndexIVFRaBitQ({ d: 4, nlist: 2 })],
	['IndexRaBitQ', () => new IndexRaBitQ({ d: 4, nbits: 2, metric: 'cosine' })],
	['IndexPQFastScan', () => new IndexPQFastScan({ d: 4, m: 3, pad: true })],
	['IndexHNSW', () => new IndexHNSW({ d: 4, M: 2 })],
	['IndexHNSW of SQ8', () => new IndexHNSW({ d: 4, M: 3, metric: 'ip', store: 'sq8' })],
	['IndexHNSW of f16', () => new IndexHNSW({ d: 4, M: 3, store: 'f16' })],
	[
		'IndexPreTransform of IndexPQ',
		() =>
			new IndexPreTransform({
				transforms: [
					new LinearTransform({ dIn: 4, dOut: 4, matrix: Float32Array.from({ length: 16 }, (_, i) => i % 3) }),
					new PCATransform({ dIn: 4, dOut: 3 }),
				],
				index: new IndexPQ({ d: 3, m: 1, nbits: 4 }),
			}),
	],
	[
		'IndexIDMap of IndexRefine of IndexIVFPQ',
		() =>
			new IndexIDMap({
				index: new IndexRefine({ base: new IndexIVFPQ({ d: 4, m: 3, nbits: 4, nlist: 2, pad: true }), store: 'sq8' }),
			}),
	],
];

function fileOf(make: () => Index): Uint8Array<ArrayBuffer> {
	using index = make();
	return writeIndex(index.train(rows, { niter: 2 }).add(rows));
}

/** The error of reading, or undefined; what was read is searched and given back. Fails for any other kind of error. */
function attempt(bytes: Uint8Array, engine: Engine, verify = true): VecinoError | undefined {
	const error = read(bytes, engine, verify);
	const { allocatedBytes } = engine.arena;
	if (allocatedBytes !== 0) throw new Error(`${allocatedBytes} bytes stay behind`, { cause: error });
	if (error === undefined || isVecinoError(error)) return error;
	throw error;
}

function read(bytes: Uint8Array, engine: Engine, verify: boolean): unknown {
	try {
		using index = readIndex(bytes, { engine, verify });
		if (index.isTrained) index.search(new VectorSet(new Float32Array(index.d), index.d), 3);
		return undefined;
	} catch (error) {
		return error;
	}
}

const engine = createEngineSync();

describe.each(MAKERS)('%s', (_name, make) => {
	const file = fileOf(make);

	it('is small enough for these tests', () => {
		expect(file.length).toBeLessThan(4000);
		expect(attempt(file, engine)).toBeUndefined();
	});

	it('cut short at any byte says where it ends', () => {
		for (let length = 0; length < file.length; length++) {
			for (const verify of [true, false]) {
				const error = attempt(file.subarray(0, length), engine, verify);
				expect(error?.code).toBe('corrupt-data');
				if (length === 0) expect(error?.message).toMatch('vecino file: the file is empty');
				else if (length < 64) expect(error?.message).toMatch(`ends at byte ${length}, inside its header`);
				else expect(error).toMatchObject({ offset: length, expected: file.length, found: length });
				if (length >= 64) expect(error?.message).toMatch(`the file ends at byte ${length} of ${file.length}`);
			}
		}
	});

	it('with something behind its end says so', () => {
		const longer = new Uint8Array(file.length + 3);
		longer.set(file);
		expect(attempt(longer, engine)).toMatchObject({ code: 'corrupt-data', offset: file.length });
		expect(attempt(longer, engine)?.message).toMatch(`has 3 bytes behind its end at ${file.length}`);
	});

	it('with any bit changed is refused', () => {
		const changed = file.slice();
		for (let at = 0; at < file.length; at++) {
			for (let bit = 0; bit < 8; bit++) {
				changed[at]! ^= 1 << bit;
				const error = attempt(changed, engine);
				if (at >= 8 && at < 10) expect(['corrupt-data', 'unsupported-version']).toContain(error?.code);
				else expect(error?.code, `byte ${at}, bit ${bit}`).toBe('corrupt-data');
				changed[at] = file[at]!;
			}
		}
	});

	it('with any bit changed and checksums left out does no harm', () => {
		const changed = file.slice();
		let noticed = 0;
		for (let at = 0; at < file.length; at++) {
			for (let bit = 0; bit < 8; bit++) {
				changed[at]! ^= 1 << bit;
				const error = attempt(changed, engine, false);
				if (error !== undefined) noticed++;
				if (error !== undefined && at >= 10) expect(error.code).toBe('corrupt-data');
				changed[at] = file[at]!;
			}
		}
		expect(noticed).toBeGreaterThan(0);
		expect(noticed).toBeLessThan(8 * file.length);
	});

	it('leaves nothing behind when memory runs out, wherever that is', () => {
		const { arena } = engine;
		const { alloc } = arena;
		let failures = 0;
		for (let budget = 0; ; budget++) {
			let left = budget;
			arena.alloc = (byteLength) => {
				if (left-- > 0) return alloc.call(arena, byteLength);
				throw new VecinoError('out-of-memory', 'test');
			};
			let error: VecinoError | undefined;
			try {
				error = attempt(file, engine);
			} finally {
				arena.alloc = alloc;
			}
			if (error === undefined) break;
			expect(error.code).toBe('out-of-memory');
			failures++;
		}
		expect(failures).toBeGreaterThan(0);
	});
});

describe('memory', () => {
	it('an index beyond the limit of its engine is out-of-memory', async () => {
		using index = new IndexFlat({ d: 64 });
		index.add(clustered(2000, 64, { rank: 1 }));
		const file = writeIndex(index);
		const tight = createEngineSync({ maxBytes: 2 ** 18 });
		expect(attempt(file, tight)).toMatchObject({ code: 'out-of-memory', limit: 2 ** 18 });
		const opening = openIndex(bytesSource(file), { engine: tight });
		await expect(opening).rejects.toMatchObject({ code: 'out-of-memory' });
		expect(tight.arena.peakBytes).toBe(0);
	});
});

describe('other files', () => {
	const text = (content: string): Uint8Array => new TextEncoder().encode(content);
	const binary = (...bytes: number[]): Uint8Array => Uint8Array.from([...bytes, ...new Array(60).fill(0)]);
	const errorOf = (bytes: Uint8Array): VecinoError => attempt(bytes, engine)!;

	it.each([
		['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n'), 'git lfs pull'],
		['.npy', encodeNpy(Float32Array.of(1, 2), 2), 'an .npy file'],
		['FAISS', text('IxFI\x04\0\0\0'), 'a FAISS index (IxFI)'],
		['gzip', binary(0x1f, 0x8b, 8), 'compressed with gzip; decompress it first'],
		['zstd', binary(0x28, 0xb5, 0x2f, 0xfd), 'compressed with zstd'],
		['zip', binary(0x50, 0x4b, 3, 4), 'a zip archive'],
		['JSON', text('{"vectors": [[1, 2], [3, 4]], "more": "................................................"}'), 'JSON'],
		['HTML', text('<!doctype html><html><body>Not found</body></html>'), 'an HTML or XML page'],
		['CSV', text('1,2,3\n4,5,6\n'), 'text (CSV?)'],
	])('%s is called by its name', (_name, bytes, what) => {
		const error = errorOf(bytes);
		expect(error.code).toBe('unsupported');
		expect(error.message).toMatch(what);
		expect(error.message).toMatch('not a vecino index');
		// Not how to make vectors of it, nor that it is no file of vectors.
		expect(error.message).not.toMatch(/np\.save|not vectors|open it as an index/);
	});

	it('anything else is described by its first bytes', () => {
		const error = errorOf(encodeFvecs(Float32Array.of(1, 2, 3, 4), 4));
		expect(error).toMatchObject({ code: 'corrupt-data', offset: 0 });
		expect(error.message).toMatch('not a vecino index: it begins with the bytes 04 00 00 00 00 00 80 3f');
	});

	it('a file sent as text says so', () => {
		const file = fileOf(() => new IndexFlat({ d: 4 }));
		const asText = new TextEncoder().encode(new TextDecoder().decode(file));
		const latin1 = new TextEncoder().encode(String.fromCharCode(...file));
		const lines = Uint8Array.from([...file].flatMap((byte) => (byte === 10 ? [13, 10] : [byte])));
		const sevenBits = file.map((byte) => byte & 0x7f);
		for (const bytes of [asText, latin1, lines, sevenBits]) {
			expect(errorOf(bytes).message).toMatch('taken for text and changed on its way; copy it again, in binary mode');
		}
		const stripped = Uint8Array.from([...file].filter((byte) => byte !== 10));
		expect(errorOf(stripped).code).toBe('corrupt-data');
	});
});
