/** Index files that native FAISS wrote (test/fixtures/make-faiss.py): the same neighbours, and files written again. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError, type VecinoError } from '../../src/errors.ts';
import type { Index } from '../../src/indexes/base.ts';
import type { IndexIDMap } from '../../src/indexes/id-map.ts';
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
	const labels = index.type === 'IndexIDMap' ? (index as IndexIDMap).ids : [0, 1, 2];
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
			const id = index.type === 'IndexIDMap' ? (index as IndexIDMap).ids[ntotal + i]! : ntotal + i;
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
