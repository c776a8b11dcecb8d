/** Index files that native FAISS wrote (test/fixtures/make-faiss.py): the same neighbours, and files written again. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError, type VecinoError } from '../../src/errors.ts';
import type { Index } from '../../src/indexes/base.ts';
import { IndexFlat } from '../../src/indexes/flat.ts';
import { IndexIDMap } from '../../src/indexes/id-map.ts';
import type { IndexIVFPQ } from '../../src/indexes/ivf-pq.ts';
import { IndexPreTransform } from '../../src/indexes/pre-transform.ts';
import { IndexRefine } from '../../src/indexes/refine.ts';
import { faissKind } from '../../src/io/faiss/kinds.ts';
import { openFaissIndex, readFaissIndex } from '../../src/io/faiss/read.ts';
import { faissIndexChunks, writeFaissIndex } from '../../src/io/faiss/write.ts';
import { openIndex, readIndex } from '../../src/io/read-index.ts';
import { bytesSource } from '../../src/io/source.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { type Answer, compareAnswers, EF, innermost } from './faiss-answers.ts';

const folder = fileURLToPath(new URL('../fixtures/faiss/', import.meta.url));
const bytesOf = (name: string): Uint8Array<ArrayBuffer> => new Uint8Array(readFileSync(`${folder}${name}.faiss`));
const about = JSON.parse(readFileSync(`${folder}answers.json`, 'utf8')) as {
	n: number;
	d: number;
	k: number;
	files: Record<string, Answer>;
};
const allQueries = new Float32Array(new Uint8Array(readFileSync(`${folder}queries.f4`)).buffer);

/** The queries, their first d dimensions. */
function queriesOf(d: number): VectorSet {
	const rows = Array.from({ length: allQueries.length / about.d }, (_, i) =>
		allQueries.subarray(i * about.d, i * about.d + d),
	);
	return VectorSet.from(rows);
}

const names = Object.keys(about.files);
const good = names.filter((name) => !name.startsWith('bad-'));
const trained = good.filter((name) => !name.startsWith('untrained-'));

function check(name: string, index: Index): void {
	const answer = about.files[name]!;
	expect(index.ntotal).toBe(answer.ntotal);
	expect(index.d).toBe(answer.d);
	const params = innermost(index).type === 'IndexHNSW' ? { efSearch: EF } : {};
	const result = index.search(queriesOf(index.d), about.k, params);
	compareAnswers(answer, result, name);
	const labels = index instanceof IndexIDMap ? index.ids : [0, 1, 2];
	for (const [i, row] of (answer.decoded ?? []).entries()) {
		const decoded = index.reconstruct(labels[i]!);
		for (const [t, value] of row.entries()) expect(decoded[t]).toBeCloseTo(value, 4);
	}
}

describe.each(trained)('%s', (name) => {
	const bytes = bytesOf(name);

	it('is read, and finds what FAISS finds', () => {
		using index = readFaissIndex(bytes);
		check(name, index);
	});

	it('is the same from a source, and as a .vecino file', async () => {
		using direct = readFaissIndex(bytes);
		using opened = await openFaissIndex(bytesSource(bytes));
		const own = writeIndex(direct);
		expect(writeIndex(opened)).toEqual(own);
		using again = readIndex(own);
		check(name, again);
	});

	it('is written as a FAISS file that holds the same', () => {
		using index = readFaissIndex(bytes);
		const file = writeFaissIndex(index);
		expect(Buffer.concat([...faissIndexChunks(index)]).equals(file)).toBe(true);
		using again = readFaissIndex(file);
		check(name, again);
		expect(writeFaissIndex(again)).toEqual(file);
	});
});

it('files that are written again are those of FAISS where nothing is dropped', () => {
	const same = trained.filter((name) => {
		const bytes = bytesOf(name);
		using index = readFaissIndex(bytes);
		return Buffer.from(writeFaissIndex(index)).equals(bytes);
	});
	const kinds = [
		'flat',
		'pqfs',
		'ivfflat',
		'ivfpq-residual',
		'ivfpqfs-residual',
		'ivfsq8-direct',
		'sq-4bit',
		'sq-fp16',
	];
	const whole = [
		...kinds.flatMap((kind) => [`${kind}-l2`, `${kind}-ip`]),
		'l2norm',
		'l2norm-ivf',
		'refine',
		'refine-sq',
		'idmap2',
	];
	expect(same).toEqual(expect.arrayContaining(whole));
});

it.each(good.filter((name) => name.startsWith('untrained-')))('%s is read, and can be trained', (name) => {
	using index = readFaissIndex(bytesOf(name));
	expect(index.isTrained).toBe(false);
	using again = readFaissIndex(writeFaissIndex(index));
	expect(again.isTrained).toBe(false);
	const rows = new VectorSet(
		Float32Array.from({ length: 400 * 16 }, (_, i) => Math.fround(((i * 7919) % 1009) / 1009)),
		16,
	);
	again.train(rows, { niter: 2 }).add(rows);
	expect(again.search(rows.slice(0, 1), 1).labels.length).toBe(1);
});

it('goes on with adding', () => {
	for (const name of [
		'flat-l2',
		'ivfpq-residual-l2',
		'ivfpqfs-residual-l2',
		'empty-ivfpqfs',
		'hnsw-l2',
		'idmap',
		'ivf-ids',
	]) {
		using index = readFaissIndex(bytesOf(name));
		const { ntotal } = index;
		const rows = queriesOf(index.d);
		index.add(rows);
		expect(index.ntotal).toBe(ntotal + rows.n);
		const found = index.search(rows, 1, innermost(index).type === 'IndexHNSW' ? { efSearch: EF } : {});
		if (name.startsWith('ivfpq')) continue;
		for (let i = 0; i < rows.n; i++) {
			const id = index instanceof IndexIDMap ? index.ids[ntotal + i]! : ntotal + i;
			if (name !== 'empty-ivfpqfs') expect(found.labels[i], name).toBe(id);
		}
	}
});

describe('what vecino does not have is named', () => {
	const errorOf = (bytes: Uint8Array): VecinoError => {
		try {
			using _index = readFaissIndex(bytes);
		} catch (error) {
			if (isVecinoError(error)) return error;
			throw error;
		}
		throw new Error('it was read');
	};

	it.each([
		['bad-id-huge', 'unsupported', /id 1152921504606846976 of row 7 is outside/],
		['bad-id-negative', 'unsupported', /id -5 of list \d, position \d+ is outside/],
		['bad-id-twice', 'duplicate-id', /id 3 is there twice/],
		[
			'bad-lsh',
			'unsupported',
			/"IxHe" at byte 0 is an IndexLSH, which vecino cannot read; it reads IndexFlat, .*IndexHNSWSQ/,
		],
		['bad-l1', 'unsupported', /metric L1; vecino has L2 and inner product/],
		['bad-sq6', 'unsupported', /a scalar quantizer 6bit; vecino has 8bit, 4bit/],
		['bad-coarse', 'unsupported', /cells ranked by ip in an index by l2/],
		['bad-hnsw-pq', 'unsupported', /"IHNp" at byte 0 is an IndexHNSWPQ/],
		['bad-binary', 'unsupported', /"IBxF" at byte 0 is an IndexBinaryFlat/],
	])('%s', (name, code, message) => {
		const error = errorOf(bytesOf(name));
		expect(error.code).toBe(code);
		expect(error.message).toMatch(message);
		expect(error.message).toMatch(/^FAISS file: /);
	});

	it('kinds nobody knows, other files, sources given for bytes', () => {
		const letters = new TextEncoder().encode('IwZZ and more');
		expect(errorOf(letters)).toMatchObject({ code: 'unsupported', found: 'IwZZ', offset: 0 });
		expect(() => readFaissIndex(bytesSource(letters) as unknown as Uint8Array)).toThrow(/openFaissIndex reads from/);
		expect(() => readFaissIndex(bytesOf('flat-l2'), { verify: true } as object)).toThrow(TypeError);
		const longer = new Uint8Array([...bytesOf('pq4-l2'), 0]);
		expect(errorOf(longer)).toMatchObject({ code: 'corrupt-data' });
	});

	it('readIndex says which function reads it', async () => {
		const message = /not a vecino index: a FAISS index \(IwFl\) of class IndexIVFFlat; open it with readFaissIndex/;
		expect(() => readIndex(bytesOf('ivfflat-l2'))).toThrow(message);
		await expect(openIndex(bytesSource(bytesOf('ivfflat-l2')))).rejects.toThrow(message);
	});
});

describe('what becomes of what', () => {
	const tree = (index: Index): string => {
		if (index instanceof IndexIDMap) return `IDMap(${tree(index.index)})`;
		if (index instanceof IndexPreTransform) {
			return `${index.transforms.map(({ type }) => type).join('+')}>${tree(index.index)}`;
		}
		if (index instanceof IndexRefine) return `Refine(${tree(index.base)}, ${index.store})`;
		return `${index.type} ${index.metric}`;
	};

	it.each([
		['l2norm', 'IndexFlat cosine'],
		['l2norm-ivf', 'IndexIVFFlat cosine'],
		['cosine-pca', 'PCATransform>IndexFlat cosine'],
		['l2norm-l2', 'NormalizeTransform>IndexScalarQuantizer l2'],
		['pca-rotated', 'PCATransform>IndexIVFFlat l2'],
		['opq', 'LinearTransform>IndexPQ l2'],
		['rr', 'LinearTransform>IndexScalarQuantizer l2'],
		['pad', 'LinearTransform>IndexPQ l2'],
		['centred', 'LinearTransform>IndexFlat l2'],
		['refine-sq', 'Refine(IndexIVFPQFastScan l2, sq8)'],
		['idmap2', 'IDMap(IndexIVFFlat l2)'],
		['ivf-ids', 'IDMap(IndexIVFFlat l2)'],
		['ivf-map-hash', 'IndexIVFFlat l2'],
		['ivfsq8-residual-l2', 'IndexIVFFlat l2'],
		['ivfsq8-direct-l2', 'IndexIVFScalarQuantizer l2'],
		['hnsw-sq8', 'IndexHNSW l2'],
		['untrained-pca', 'PCATransform>IndexIVFPQ l2'],
	])('%s: %s', (name, expected) => {
		using index = readFaissIndex(bytesOf(name));
		expect(tree(index)).toBe(expected);
	});

	it('keeps nprobe, kFactor, M, the graph over cells and whether codes are of residuals', () => {
		using ivf = readFaissIndex(bytesOf('ivfpq-residual-l2')) as IndexIVFPQ;
		expect(ivf).toMatchObject({ nprobe: 5, nlist: 8, byResidual: true, coarse: 'flat' });
		expect(ivf.pq).toMatchObject({ m: 4, nbits: 5 });
		using graph = readFaissIndex(bytesOf('ivf-hnsw')) as IndexIVFPQ;
		expect(graph).toMatchObject({ nlist: 16, coarse: 'hnsw' });
		using hnsw = readFaissIndex(bytesOf('hnsw-l2'));
		expect(hnsw).toMatchObject({ M: 5, efConstruction: 40 });
		using refine = readFaissIndex(bytesOf('refine'));
		expect(refine).toMatchObject({ kFactor: 4 });
	});

	it('puts together chains in chains, and ids inside chains', () => {
		const header = (code: string, d: number, n: number): Uint8Array => {
			const bytes = new Uint8Array(37);
			bytes.set(new TextEncoder().encode(code));
			const view = new DataView(bytes.buffer);
			view.setInt32(4, d, true);
			view.setBigInt64(8, BigInt(n), true);
			view.setUint8(32, 1);
			view.setInt32(33, 1, true);
			return bytes;
		};
		const one = Uint8Array.of(1, 0, 0, 0);
		const rotation = bytesOf('rr-up');
		// IxPT, one transform (to 18 values), IndexFlat: the transform stands between them.
		const inner = Buffer.from(rotation).indexOf('IxF2');
		const transform = rotation.subarray(41, inner);
		const flat = rotation.subarray(inner);
		const ids = new Uint8Array(8 + 8 * about.n);
		const view = new DataView(ids.buffer);
		for (let i = 0; i <= about.n; i++) view.setBigInt64(8 * i, BigInt(i === 0 ? about.n : 5000 + i), true);
		const nested = [header('IxPT', 16, about.n), one, transform, header('IxMp', 18, about.n), flat, ids];
		using index = readFaissIndex(Buffer.concat(nested));
		expect(tree(index)).toBe('IDMap(LinearTransform>IndexFlat l2)');
		const found = index.search(queriesOf(16), 1).labels;
		expect([...found]).toEqual(about.files['rr-up']!.ids.map(([id]) => id! + 5001));
		const none = new Uint8Array(4);
		const twice = [header('IxPT', 16, about.n), one, transform, header('IxPT', 18, about.n), none, flat];
		using chain = readFaissIndex(Buffer.concat(twice));
		expect(tree(chain)).toBe('LinearTransform>IndexFlat l2');
	});

	it('makes the bounds of wide vectors', () => {
		using index = new IndexFlat({ d: 400, metric: 'ip' });
		index.add(
			new VectorSet(
				Float32Array.from({ length: 400 * 100 }, (_, i) => Math.sin(i)),
				400,
			),
		);
		using again = readFaissIndex(writeFaissIndex(index)) as IndexFlat;
		expect(again.pruned).toBe(true);
		expect(again.byteLength).toBe(index.byteLength);
		const query = index.reconstruct(3);
		expect(again.search(query, 5)).toEqual(index.search(query, 5));
	});

	it('a class is told by four bytes', () => {
		expect(faissKind(bytesOf('bad-lsh'))).toBe('IndexLSH');
		expect(faissKind(bytesOf('idmap2').subarray(0, 4))).toBe('IndexIDMap2');
		expect(faissKind(new TextEncoder().encode('VECINO'))).toBeUndefined();
		expect(faissKind(new Uint8Array(3))).toBeUndefined();
	});
});
