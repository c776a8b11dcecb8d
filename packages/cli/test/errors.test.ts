/** Every mistake ends in one clear line on stderr, nothing on stdout, and the right exit code. */
import { copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { VectorSet } from 'vecino';
import { beforeAll, describe, expect, it } from 'vitest';
import { clustered } from '../src/synthetic.ts';
import { save, temporaryFolder, vecino } from './support/program.ts';

const path = temporaryFolder();
const x = clustered({ n: 400, d: 12, clusters: 5 }, 1);

beforeAll(async () => {
	await save(path('x.fvecs'), x);
	await save(path('x.npy'), x);
	await save(path('narrow.fvecs'), new VectorSet(new Float32Array(80), 8));
	// Row 17 holds NaN: 4 bytes of d and 12 floats per row.
	copyFileSync(path('x.fvecs'), path('nan.fvecs'));
	const bytes = readFileSync(path('nan.fvecs'));
	bytes.writeFloatLE(Number.NaN, 17 * (4 + 12 * 4) + 4 + 3 * 4);
	writeFileSync(path('nan.fvecs'), bytes);
	writeFileSync(path('text.npy'), 'a,b,c\n1,2,3\n');
	writeFileSync(path('notes.txt'), 'not vectors\n');
	const { code } = await vecino(['build', path('x.fvecs'), '-o', path('x.vecino'), '--nlist', '8', '--m', '4']);
	expect(code).toBe(0);
	writeFileSync(path('cut.vecino'), readFileSync(path('x.vecino')).subarray(0, statSync(path('x.vecino')).size - 100));
});

async function failure(...args: string[]): Promise<{ code: number | null; line: string }> {
	const { code, stdout, stderr } = await vecino(args);
	expect(stdout).toBe('');
	expect(stderr).toMatch(/^vecino: [^\n]+\n$/);
	return { code, line: stderr.slice('vecino: '.length, -1) };
}

describe('failures, exit code 1', () => {
	it('a missing file', async () => {
		expect(await failure('info', path('gone.npy'))).toEqual({ code: 1, line: `no such file: ${path('gone.npy')}` });
		expect(await failure('estimate', path('gone.npy'))).toMatchObject({ code: 1 });
		expect(await failure('search', path('gone.vecino'), path('x.npy'))).toMatchObject({ code: 1 });
	});

	it('a wrong extension', async () => {
		const { code, line } = await failure('estimate', path('notes.txt'));
		expect({ code, line }).toMatchObject({ code: 1, line: expect.stringContaining('notes.txt: text') });
	});

	it('content of another kind than the extension says', async () => {
		expect(await failure('info', path('text.npy'))).toMatchObject({
			code: 1,
			line: expect.stringContaining('text.npy'),
		});
		const { code, line } = await failure('estimate', path('x.vecino'));
		expect({ code, line }).toMatchObject({ code: 1, line: expect.stringContaining('a vecino index, not vectors') });
		expect(await failure('search', path('x.npy'), path('x.npy'))).toMatchObject({ code: 1 });
	});

	it('queries of another dimension than the index', async () => {
		const { code, line } = await failure('search', path('x.vecino'), path('narrow.fvecs'));
		expect(code).toBe(1);
		expect(line).toMatch(/narrow\.fvecs has vectors of dimension 8, .*x\.vecino of dimension 12/);
		const estimate = await failure('estimate', path('x.npy'), '--queries', path('narrow.fvecs'));
		expect(estimate).toMatchObject({ code: 1, line: expect.stringContaining('dimension 8') });
	});

	it('NaN, with its row', async () => {
		for (const command of ['estimate', 'info', 'demo']) {
			const { code, line } = await failure(command, path('nan.fvecs'));
			expect({ code, line }).toMatchObject({ code: 1, line: expect.stringMatching(/nan\.fvecs: row 17 holds NaN/) });
		}
		const { code, line } = await failure('build', path('nan.fvecs'), '-o', path('nan.vecino'));
		expect({ code, line }).toMatchObject({ code: 1, line: expect.stringContaining('row 17') });
	});

	it('an index file that is cut short', async () => {
		const { code, line } = await failure('info', path('cut.vecino'));
		expect({ code, line }).toMatchObject({ code: 1, line: expect.stringContaining('cut.vecino') });
		expect(await failure('search', path('cut.vecino'), path('x.npy'))).toMatchObject({ code: 1 });
	});

	it('an output folder that is not there', async () => {
		const { code, line } = await failure('build', path('x.fvecs'), '-o', path('no/such/index.vecino'));
		expect({ code, line }).toMatchObject({ code: 1, line: expect.stringContaining('no such folder') });
		expect(await failure('convert', path('x.fvecs'), path('no/x.npy'))).toMatchObject({ code: 1 });
	});

	it('vectors other than those in the index', async () => {
		const { code, line } = await failure('recall', path('x.vecino'), '--vectors', path('x.vecino'), '--queries', '5');
		expect(code).toBe(1);
		expect(line).toContain('a vecino index');
	});
});

describe('wrong usage, exit code 2', () => {
	it('m that does not divide d, with the values that do', async () => {
		const { code, line } = await failure('estimate', path('x.npy'), '--m', '5');
		expect(code).toBe(2);
		expect(line).toMatch(/--m 5 .* d = 12: 1, 2, 3, 4, 6, 12 /);
		expect(await failure('build', path('x.npy'), '-o', path('y.vecino'), '--m', '5')).toMatchObject({ code: 2 });
	});

	it('k = 0', async () => {
		const { code, line } = await failure('search', path('x.vecino'), path('x.npy'), '-k', '0');
		expect({ code, line }).toMatchObject({ code: 2, line: expect.stringContaining('an integer in 1..65536') });
		expect(await failure('estimate', path('x.npy'), '--k', '0')).toMatchObject({ code: 2 });
		expect(await failure('recall', path('x.vecino'), '--queries', '5', '-k', '0')).toMatchObject({ code: 2 });
	});

	it('what is not a number', async () => {
		const { code, line } = await failure('estimate', path('x.npy'), '--nprobe', '4,many');
		expect({ code, line }).toMatchObject({
			code: 2,
			line: expect.stringContaining("'4,many' is invalid. Not a number."),
		});
		expect(await failure('estimate', path('x.npy'), '--seed', '1.5')).toMatchObject({ code: 2 });
	});

	it('an unknown command or option, with a suggestion', async () => {
		expect(await failure('estimat', 'x.npy')).toEqual({
			code: 2,
			line: "unknown command 'estimat' (Did you mean estimate?)",
		});
		expect(await failure('estimate', 'x.npy', '--nporbe', '4')).toEqual({
			code: 2,
			line: "unknown option '--nporbe' (Did you mean --nprobe?)",
		});
	});

	it('arguments that are missing, too many, or at odds', async () => {
		expect(await failure('info')).toMatchObject({ code: 2, line: expect.stringContaining('file') });
		expect(await failure('info', 'a', 'b')).toMatchObject({ code: 2 });
		expect(await failure('build', path('x.npy'))).toMatchObject({ code: 2, line: expect.stringContaining('--output') });
		expect(await failure('estimate')).toMatchObject({ code: 2, line: expect.stringContaining('--synthetic') });
		expect(await failure('estimate', path('x.npy'), '--synthetic')).toMatchObject({ code: 2 });
		expect(await failure('estimate', path('x.npy'), '--rerank', '5')).toMatchObject({ code: 2 });
		expect(await failure('estimate', path('x.npy'), '--queries', '400')).toMatchObject({ code: 2 });
		expect(await failure('recall', path('x.vecino'), '--queries', '5')).toMatchObject({ code: 2 });
		expect(await failure('demo', path('x.npy'), '--full')).toMatchObject({ code: 2 });
	});

	it('a factory string that is wrong, or does not fit the vectors', async () => {
		const build = ['build', path('x.npy'), '-o', path('y.vecino'), '--index'];
		const line =
			'--index "IVF8,PQ4x": at character 8 ("x"): expected a number of bits 4..12 after "x"; nearest valid: "PQ4x8"';
		expect(await failure(...build, 'IVF8,PQ4x')).toEqual({ code: 2, line });
		const unfit = await failure(...build, 'PQ5');
		expect(unfit).toMatchObject({
			code: 2,
			line: expect.stringContaining('5 sub-vectors do not divide 12 dimensions'),
		});
		const both = await failure(...build, 'PQ4', '--nlist', '8');
		expect(both).toMatchObject({ code: 2, line: '--nlist and --index say the same; give one of them' });
	});

	it('options that mean nothing to the index', async () => {
		const flat = await failure('build', path('x.npy'), '-o', path('y.vecino'), '--type', 'flat', '--nlist', '8');
		expect(flat).toMatchObject({ code: 2, line: expect.stringContaining('--nlist means nothing to --type flat') });
		const graph = await failure('build', path('x.npy'), '-o', path('y.vecino'), '--ef-construction', '9');
		const wants = '--ef-construction means nothing to --type ivfpq; it is for hnsw';
		expect(graph).toMatchObject({ code: 2, line: expect.stringContaining(wants) });
		const walk = await failure('search', path('x.vecino'), path('x.npy'), '--ef-search', '4');
		expect(walk).toMatchObject({ code: 2, line: expect.stringContaining('--ef-search is for graphs') });
		const bits = await failure('build', path('x.npy'), '-o', path('y.vecino'), '--type', 'rabitq', '--nbits', '9');
		expect(bits).toMatchObject({ code: 2, line: expect.stringContaining('--nbits must be 1 to 8 for --type rabitq') });
		const plain = await failure('search', path('x.vecino'), path('x.npy'), '--k-factor', '4');
		expect(plain).toMatchObject({ code: 2, line: expect.stringContaining('--k-factor') });
	});

	it('an output whose name says something else', async () => {
		expect(await failure('convert', path('x.npy'), path('x.txt'))).toMatchObject({ code: 2 });
		expect(await failure('build', path('x.npy'), '-o', path('y.fvecs'))).toMatchObject({ code: 2 });
		expect(await failure('search', path('x.vecino'), path('x.npy'), '-o', path('y.csv'))).toMatchObject({ code: 2 });
	});

	it('an output that is the input', async () => {
		expect(await failure('convert', path('x.npy'), path('x.npy'))).toMatchObject({ code: 2 });
		const search = ['search', path('x.vecino'), path('x.npy'), '-o', path('x.ivecs')];
		expect(await vecino(search)).toMatchObject({ code: 0 });
		expect(await failure('search', path('x.vecino'), path('x.ivecs'), '-o', path('x.ivecs'))).toMatchObject({
			code: 2,
		});
	});
});

describe('help and debugging', () => {
	it('prints help and version on stdout, exit code 0', async () => {
		expect(await vecino(['--help'])).toMatchObject({
			code: 0,
			stderr: '',
			stdout: expect.stringContaining('estimate'),
		});
		expect(await vecino(['--version'])).toMatchObject({
			code: 0,
			stderr: '',
			stdout: expect.stringMatching(/^\d+\.\d+/),
		});
		for (const command of ['demo', 'estimate', 'build', 'search', 'recall', 'info', 'convert']) {
			const { code, stdout } = await vecino([command, '--help']);
			expect({ code, json: stdout.includes('--json') }, command).toEqual({ code: 0, json: true });
		}
	});

	it('without a command prints help on stderr, exit code 2', async () => {
		expect(await vecino([])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Usage: vecino') });
	});

	it('shows the stack with --debug only', async () => {
		const { stderr } = await vecino(['info', path('gone.npy'), '--debug']);
		expect(stderr).toMatch(/\n\s+at /);
	});
});
