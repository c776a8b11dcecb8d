/**
 * Both ways with native FAISS, where there is one: in the Python that VECINO_PYTHON names, or python3. Skipped elsewhere;
 * faiss.test.ts reads files that were made with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { isVecinoError } from '../../src/errors.ts';
import { readFaissIndex } from '../../src/io/faiss/read.ts';
import { writeFaissIndex } from '../../src/io/faiss/write.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';
import { type Answer, compareAnswers, EF, innermost } from './faiss-answers.ts';

const script = fileURLToPath(new URL('../fixtures/make-faiss.py', import.meta.url));
const python = [process.env['VECINO_PYTHON'], 'python3', '/usr/bin/python3'].find((name) => {
	try {
		if (!name) return false;
		execFileSync(name, ['-c', 'import faiss'], { stdio: 'ignore' });
		return true;
	} catch {
		return false;
	}
});
const folder = python === undefined ? '' : mkdtempSync(join(tmpdir(), 'vecino-faiss-'));
afterAll(() => {
	if (folder !== '') rmSync(folder, { recursive: true });
});

interface Asked extends Answer {
	readonly error?: string;
	readonly after?: number;
	readonly own?: readonly number[];
}

describe.skipIf(python === undefined)('native FAISS', () => {
	const run = (...options: string[]): string =>
		execFileSync(python!, [script, ...options], {
			encoding: 'utf8',
			stdio: ['ignore', 'pipe', 'ignore'],
			maxBuffer: 2 ** 28,
		});

	it('writes files that vecino reads, now as when the fixtures were made', { timeout: 120_000 }, () => {
		const made = join(folder, 'made');
		run(made);
		const about = JSON.parse(readFileSync(join(made, 'answers.json'), 'utf8')) as { files: Record<string, Asked> };
		const all = new Float32Array(new Uint8Array(readFileSync(join(made, 'queries.f4'))).buffer);
		for (const [name, answer] of Object.entries(about.files)) {
			if (answer.ids === undefined || name.startsWith('bad-')) continue;
			using index = readFaissIndex(new Uint8Array(readFileSync(join(made, `${name}.faiss`))));
			const { d } = index;
			const queries = VectorSet.from(
				Array.from({ length: all.length / 16 }, (_, i) => all.subarray(16 * i, 16 * i + d)),
			);
			const params = innermost(index).type === 'IndexHNSW' ? { efSearch: EF } : {};
			compareAnswers(answer, index.search(queries, 10, params), name);
		}
	});

	it('reads what vecino writes, of every kind and metric, and goes on with it', { timeout: 120_000 }, () => {
		const d = 24;
		const base = clustered(300, d);
		const queries = clustered(6, d, { seed: 5 });
		const bytes = (rows: VectorSet): Uint8Array => new Uint8Array(rows.data.slice().buffer);
		const out = join(folder, 'written');
		mkdirSync(out);
		writeFileSync(join(out, 'queries'), bytes(queries));
		const files: object[] = [];
		const checks: ((answer: Asked) => void)[] = [];
		let refused = 0;
		for (const metric of METRICS) {
			for (const [i, kind] of KINDS.entries()) {
				using index = kind.make(d, metric);
				index.train(base, { niter: 3 }).add(base);
				const file = `${metric}-${i}.faiss`;
				const hasCells = kind.hasCells && !kind.name.includes('HNSW32');
				const params = { ...(kind.all && { efSearch: EF }), ...(kind.hasCells && { nprobe: 6 }) };
				let written: Uint8Array;
				try {
					written = writeFaissIndex(index);
				} catch (error) {
					if (!isVecinoError(error, 'unsupported')) throw error;
					expect(error.message).toMatch(/RaBitQ cannot be written/);
					refused++;
					continue;
				}
				writeFileSync(join(out, file), written);
				// An index with ids adds none by itself.
				const add = kind.name.startsWith('IDMap') ? undefined : 'queries';
				// Older ones open them, and end the process at the first search.
				const since = kind.name.includes('bf16') && { since: [1, 9] };
				const probes = hasCells && { nprobe: 6 };
				files.push({ file, queries: 'queries', d, ef: EF, again: `again-${file}`, add, ...since, ...probes });
				const result = index.search(queries, 10, params);
				const name = `${kind.name}, ${metric}${kind.name.includes('fs') ? ' fs' : ''}`;
				checks.push((answer) => {
					if (answer.error === 'this FAISS is too old' && since) return;
					expect(answer.error, name).toBeUndefined();
					expect(answer.ntotal, name).toBe(300);
					if (!kind.name.includes('HNSW32')) compareAnswers(answer, result, name, 5e-5);
					if (add !== undefined) expect(answer.after, name).toBe(306);
					if (add !== undefined && kind.exact && metric !== 'ip') {
						expect(answer.own, name).toEqual(Array.from({ length: 6 }, (_, row) => 300 + row));
					}
					using again = readFaissIndex(new Uint8Array(readFileSync(join(out, `again-${file}`))));
					expect(again.ntotal, name).toBe(answer.after ?? 300);
					expect(again.metric, name).toBe(metric);
				});
			}
		}
		expect(refused).toBe(3 * 3);
		const manifest = join(out, 'manifest.json');
		writeFileSync(manifest, JSON.stringify({ files }));
		const answers = JSON.parse(run('--answer', manifest)) as { files: Record<string, Asked> };
		expect(checks.length).toBeGreaterThan(80);
		for (const [i, check] of checks.entries()) check(answers.files[(files[i] as { file: string }).file]!);
	});
});
