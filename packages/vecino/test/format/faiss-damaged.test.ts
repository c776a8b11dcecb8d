/** FAISS files that were cut short or changed: an error that says so or an index that can be searched, no more memory than the file has reason for, and no leak. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError, VecinoError } from '../../src/errors.ts';
import { readFaissIndex } from '../../src/io/faiss/read.ts';
import { createEngineSync } from '../../src/kernels/engine.ts';

const folder = fileURLToPath(new URL('../fixtures/faiss/', import.meta.url));
const bytesOf = (name: string): Uint8Array => new Uint8Array(readFileSync(`${folder}${name}`));
const names = readdirSync(folder).filter((name) => name.endsWith('.faiss') && !name.startsWith('bad-'));

/** What a file may lead to. */
const CODES = ['corrupt-data', 'unsupported', 'not-finite', 'duplicate-id'];
/** Allocated at once for a file of so many bytes: codes four times as long, matrices of a few dimensions, scratch. */
const most = (bytes: number): number => 2 ** 22 + 16 * bytes;

const engine = createEngineSync();
const { arena } = engine;

/** The error of reading, or undefined; what was read is searched and given back. */
function attempt(bytes: Uint8Array): VecinoError | undefined {
	let error: unknown;
	const { alloc } = arena;
	arena.alloc = (byteLength) => {
		if (byteLength > most(bytes.length)) throw new Error(`${byteLength} bytes for a file of ${bytes.length}`);
		return alloc.call(arena, byteLength);
	};
	try {
		using index = readFaissIndex(bytes, { engine });
		if (index.isTrained) index.search(new VectorSet(new Float32Array(index.d), index.d), 3);
	} catch (caught) {
		error = caught;
	} finally {
		arena.alloc = alloc;
	}
	if (arena.allocatedBytes !== 0) throw new Error(`${arena.allocatedBytes} bytes stay behind`, { cause: error });
	if (error === undefined || isVecinoError(error, ...(CODES as never[]))) return error as VecinoError | undefined;
	// A changed transform may lead anywhere, and a search says so.
	throw error;
}

/** One of each kind of part, small enough to try every byte. */
const SMALL = [
	'pqfs-odd',
	'opq',
	'rr',
	'ivfpq-residual-l2',
	'ivfpqfs-residual-l2',
	'refine-sq',
	'sq-4bit-l2',
	'ivf-sparse',
];

describe.each(SMALL)('%s', (name) => {
	const file = bytesOf(`${name}.faiss`);

	it('cut short at any byte is refused', () => {
		const step = file.length > 3000 ? 7 : 1;
		for (let length = 0; length < file.length; length += step) {
			expect(attempt(file.subarray(0, length))?.code, `${length} bytes`).toBe('corrupt-data');
		}
	});

	it('with any bit of its fields changed does no harm', () => {
		const changed = file.slice();
		let noticed = 0;
		for (let at = 0; at < Math.min(file.length, 700); at++) {
			for (let bit = 0; bit < 8; bit++) {
				changed[at]! ^= 1 << bit;
				if (attempt(changed) !== undefined) noticed++;
				changed[at] = file[at]!;
			}
		}
		expect(noticed).toBeGreaterThan(0);
	});
});

it('any file with a few bytes changed anywhere does no harm', () => {
	const files = names.map(bytesOf).filter((file) => file.length < 12_000);
	const words = fc.constantFrom(0, 1, 2, 5, 16, 255, 256, 65535, 2 ** 24, 2 ** 31 - 1, 2 ** 32 - 1);
	const change = fc.record({ at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), word: words });
	fc.assert(
		fc.property(fc.nat(files.length - 1), fc.array(change, { minLength: 1, maxLength: 3 }), (which, changes) => {
			const file = files[which]!.slice();
			for (const { at, word } of changes) {
				// Fields are where lengths are; most stand at the beginning.
				const offset = Math.floor(at * at * (file.length - 4));
				new DataView(file.buffer).setUint32(offset, word, true);
			}
			attempt(file);
		}),
		{ numRuns: 1500 },
	);
});

it('leaves nothing behind when memory runs out, wherever that is', () => {
	for (const name of ['ivfpqfs-residual-l2', 'hnsw-l2', 'ivf-hnsw', 'cosine-pca', 'ivfsq8-residual-l2', 'refine-sq']) {
		const file = bytesOf(`${name}.faiss`);
		const { alloc } = arena;
		let failures = 0;
		for (let budget = 0; ; budget++) {
			let left = budget;
			arena.alloc = (byteLength) => {
				if (left-- > 0) return alloc.call(arena, byteLength);
				throw new VecinoError('out-of-memory', 'test');
			};
			try {
				using _index = readFaissIndex(file, { engine });
				break;
			} catch (error) {
				if (!isVecinoError(error, 'out-of-memory')) throw error;
				failures++;
			} finally {
				arena.alloc = alloc;
			}
			expect(arena.allocatedBytes, `${name}, ${budget} allocations`).toBe(0);
		}
		expect(arena.allocatedBytes).toBe(0);
		expect(failures).toBeGreaterThan(2);
	}
});

it('a file that lies about its lengths is refused before anything is allocated', () => {
	const file = bytesOf('flat-l2.faiss').slice(0, 200);
	const view = new DataView(file.buffer);
	const { peakBytes } = arena;
	for (const n of [2n ** 20n, 2n ** 32n - 1n, 2n ** 40n, 2n ** 63n, 2n ** 62n]) {
		view.setBigUint64(8, n, true);
		view.setBigUint64(37, n * 16n, true);
		expect(['corrupt-data', 'unsupported']).toContain(attempt(file)?.code);
	}
	expect(arena.peakBytes).toBe(peakBytes);
});

it('indexes nested without end are refused', () => {
	const header = bytesOf('idmap.faiss').slice(0, 37);
	const file = new Uint8Array(37 * 5000);
	for (let at = 0; at < file.length; at += 37) file.set(header, at);
	expect(attempt(file)).toMatchObject({ code: 'unsupported' });
});
