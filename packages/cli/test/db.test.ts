/** vecino db: collections from the command line. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspectCollection } from '@vecino/db';
import { VectorSet } from 'vecino';
import { beforeAll, describe, expect, it } from 'vitest';
import { makeEmbedder } from '../src/collections.ts';
import { registerDb } from '../src/commands/db.ts';
import { type Ran, runHere } from './support/in-process.ts';
import { save, temporaryFolder, vecino } from './support/program.ts';

const path = temporaryFolder();
const db = (...args: string[]): Promise<Ran> => runHere(registerDb, ['db', ...args]);

/** The JSON document of a command that succeeds. */
async function json<T = Record<string, unknown>>(...args: string[]): Promise<T> {
	const { stdout, stderr, code } = await db(...args, '--json');
	if (code !== 0) throw new Error(stderr);
	return JSON.parse(stdout) as T;
}

const rows = [
	{ id: 1, text: 'the runner won the city marathon', genre: 'Sports', year: 2020 },
	{ id: 2, text: 'parliament passed the budget', genre: 'Politics', year: 2021 },
	{ id: '2', text: 'a marathon session of parliament', genre: 'Politics', year: 2022 },
	{ id: 'four', text: 'new bakery opens', genre: 'Food', year: 2019 },
];
const lines = `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`;

beforeAll(async () => {
	writeFileSync(path('rows.jsonl'), lines);
	await db(
		'init',
		path('news'),
		'--embedder',
		'offline',
		'--schema',
		'genre:string,year:integer',
		'--dimension',
		'128',
	);
	await db('add', path('news'), path('rows.jsonl'));
});

describe('init', () => {
	it('makes what it is told, once', async () => {
		const made = await json('init', path('made'), '--dimension', '3', '--metric', 'l2', '--originals', 'f16');
		expect(made).toMatchObject({ command: 'db init', dimension: 3, metric: 'l2', index: 'auto', originals: 'f16' });
		expect(await db('init', path('made'))).toMatchObject({
			code: 2,
			stderr: expect.stringContaining('is a collection already'),
		});
		expect((await db('init', path('text'), '--embedder', 'offline')).stdout).toContain('embedder   offline/ngram-lsa');
	});

	it.each([
		[['--schema', 'genre'], "'genre' is no field"],
		[['--schema', 'genre:text'], "'genre:text' is no field"],
		[['--index', 'IVFx'], ''],
		[['--metric', 'hamming'], 'cosine, l2, ip'],
		[['--embedder', 'openai'], 'name a model'],
		[['--embedder', 'word2vec'], 'expected offline, openai:model'],
		[['--embedder', 'offline', '--dimension', '10'], 'dimension must be'],
	])('refuses %j', async (args, message) => {
		const { code, stderr } = await db('init', path('refused'), ...args);
		expect(code).toBeGreaterThan(0);
		expect(stderr).toContain(message);
		expect(existsSync(path('refused'))).toBe(false);
	});
});

describe('query', () => {
	it('by a text, with the embedder that is recorded', async () => {
		const { stdout } = await db('query', path('news'), 'who won the marathon', '-k', '2');
		expect(stdout).toMatch(/score +id/);
		expect(stdout.split('\n')[2]).toMatch(/^0\.\d{4} +1 +the runner won the city marathon {2}genre Sports, year 2020/);
		expect(stdout).toContain('2 hits in');
	});

	it('with a filter, hybrid, by a row and by a vector', async () => {
		type Report = { hits: { id: unknown; score: number; distance: number | null; text: string; metadata: object }[] };
		const ids = async (...args: string[]) =>
			(await json<Report>('query', path('news'), ...args)).hits.map(({ id }) => id);
		expect(await ids('marathon', '--where', '{"genre":"Politics"}', '-k', '1')).toEqual(['2']);
		expect(await ids('marathn', '--hybrid', '--where', '{"year":{"$lt":2021}}')).toEqual(
			[1, 4].map((n) => (n === 4 ? 'four' : n)),
		);
		expect(await ids('--id', '2', '-k', '1')).toEqual(['2']);
		expect(await ids('--id', '"2"', '-k', '9')).not.toContain('2');
		const { rows: found } = await json<{ rows: { vector: number[] }[] }>('get', path('news'), 'four', '--vector');
		expect(await ids('--vector', JSON.stringify(found[0]!.vector), '-k', '1')).toEqual(['four']);
		await save(path('query.npy'), VectorSet.from([found[0]!.vector]));
		expect(await ids('--vector', path('query.npy'), '-k', '1', '--recall', '1')).toEqual(['four']);
	});

	it.each([
		[['query', 'news'], 2, 'give one of a text, --vector and --id'],
		[['query', 'news', 'x', '--id', '1'], 2, 'give one of'],
		[['query', 'news', '--id', '1', '--hybrid'], 2, '--hybrid needs a text'],
		[['query', 'news', '--vector', '[1,'], 2, '--vector must be a JSON array'],
		[['query', 'news', '--vector', '[1,2]'], 1, '128'],
		[['query', 'news', 'x', '--where', '{genre:1}'], 2, "Quote it: --where '"],
		[['query', 'news', 'x', '--where', '{"gnre":"Sports"}'], 1, "did you mean 'genre'"],
		[['query', 'news', '--id', 'none'], 1, 'none'],
		[['query', 'nowhere', 'x'], 1, 'vecino db init'],
		[['add', 'nowhere', 'rows.jsonl'], 1, 'vecino db init'],
		[['delete', 'news'], 2, 'give ids or --where'],
		[['get', 'news', '12345'], 1, 'no row with the id 12345'],
	])('%j ends with %i', async ([command, at, ...args], code, message) => {
		const ran = await db(command!, path(at!), ...args.map((arg) => (arg === 'rows.jsonl' ? path(arg) : arg)));
		expect(ran).toMatchObject({ code, stderr: expect.stringContaining(message) });
	});
});

describe('add', () => {
	it('refuses an id twice and says how to go on, unless it may replace', async () => {
		await db('init', path('twice'), '--embedder', 'offline', '--dimension', '64');
		expect(await json('add', path('twice'), path('rows.jsonl'), '--fields', 'genre')).toMatchObject({
			rows: 4,
			total: 4,
		});
		const { rows: got } = await json<{ rows: object[] }>('get', path('twice'), '1');
		expect(got).toEqual([{ id: 1, text: rows[0]!.text, metadata: { genre: 'Sports' } }]);
		const again = await db('import', path('twice'), path('rows.jsonl'));
		expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('rows.jsonl: line 1: has the id 1') });
		expect((await db('import', path('twice'), path('rows.jsonl'), '--upsert')).stdout).toContain(
			'added or replaced 4 rows',
		);
		expect(await json('import', path('twice'), path('rows.jsonl'), '--skip', '4')).toMatchObject({ rows: 0, total: 4 });
	});

	it('takes lines from stdin; Ctrl-C leaves what was told', async () => {
		await db('init', path('stdin'), '--dimension', '2');
		const piped = await vecino(['db', 'add', path('stdin')], {
			stdin: ['{"id":1,"vector":[1,2]}\n{"id":2,', '"vector":[2,1]}'],
		});
		expect(piped).toMatchObject({ code: 0, stdout: expect.stringContaining('added 2 rows'), stderr: '' });
		// A thousand rows at a time, until progress has waited long enough to be shown and the signal is sent.
		const endless = async function* (): AsyncGenerator<string> {
			for (let i = 0; i < 80; i++) {
				yield Array.from({ length: 1000 }, (_, j) => `{"id":"row ${i} ${j}","vector":[${j},1]}\n`).join('');
				await sleep(200);
			}
		};
		const interrupted = vecino(['db', 'add', path('stdin'), '-'], {
			stdin: endless(),
			onStderr: (text, kill) => {
				if (!text.includes('interrupted')) kill('SIGINT');
			},
		});
		const { code, stderr } = await interrupted;
		expect(code).toBe(130);
		const [, told] = /interrupted; the first ([\d,]+) rows of stdin are in the collection/.exec(stderr) ?? [];
		expect(told, stderr).toBeDefined();
		expect(inspectCollection(path('stdin')).rows).toBe(2 + Number(told!.replace(',', '')));
	});
});

it('delete says what it would do, and does it', async () => {
	await db('init', path('gone'), '--embedder', 'offline', '--dimension', '64', '--schema', 'genre:string,year:integer');
	await db('add', path('gone'), path('rows.jsonl'));
	const dry = await db('delete', path('gone'), '--where', '{"genre":"Politics"}', '--dry-run');
	expect(dry.stdout).toContain('would delete 2 rows of 4: 2, "2"');
	expect(await json('delete', path('gone'), '--where', '{"genre":"Politics"}')).toMatchObject({ rows: 2, total: 2 });
	expect(await json('delete', path('gone'), '1', 'none')).toMatchObject({ rows: 1, total: 1 });
	expect((await db('get', path('gone'), '1')).code).toBe(1);
});

it('export and import go round', async () => {
	expect((await db('export', path('news'), path('out.parquet'))).stdout).toContain('4 rows');
	await db('init', path('copy'));
	expect(await json('import', path('copy'), path('out.parquet'))).toMatchObject({
		rows: 4,
		files: [{ format: 'parquet' }],
	});
	expect(
		await json('export', path('copy'), path('out.jsonl'), '--where', '{"year":2019}', '--no-vectors'),
	).toMatchObject({ rows: 1 });
	expect(JSON.parse(readFileSync(path('out.jsonl'), 'utf8'))).toEqual({
		id: 'four',
		text: 'new bakery opens',
		metadata: { genre: 'Food', year: 2019 },
	});
});

it('stats, optimize, verify, snapshot and restore', async () => {
	expect((await db('stats', path('news'))).stdout).toMatch(/^vectors +4 of dimension 128, cosine\n/);
	expect(await json('stats', path('news'))).toMatchObject({ verdict: 'ok', stats: { vectors: 4, index: 'Flat' } });
	expect(await json('snapshot', path('news'), path('snapshot'))).toMatchObject({ rows: 4, path: path('snapshot') });
	expect((await db('restore', path('snapshot'), path('again'))).stdout).toContain('4 rows');
	expect((await db('restore', path('nowhere'), path('never'))).code).toBe(1);
	expect(await json('optimize', path('again'))).toMatchObject({ after: { vectors: 4 } });
	expect((await db('verify', path('again'))).stdout).toContain('is whole: 4 rows');
	const file = new DatabaseSync(path('again/meta.db'));
	file.exec("UPDATE info SET value = 5 WHERE key = 'rows'");
	file.close();
	const { code, stdout, stderr } = await db('verify', path('again'), '--json');
	expect(code).toBe(1);
	expect(JSON.parse(stdout)).toMatchObject({ ok: false, problems: [{ kind: 'bad-counter' }] });
	expect(stderr).toContain('1 problem; vecino db verify');
	expect((await db('verify', path('again'), '--repair')).stdout).toContain('is whole: 4 rows');
	expect(await json('verify', path('again'))).toMatchObject({ ok: true, problems: [] });
});

describe('embedders', () => {
	it('of a server are asked with the texts and the question, and recorded', async () => {
		const asked: { path: string | undefined; input: string[]; model: string }[] = [];
		const server = createServer((request, response) => {
			let body = '';
			request.on('data', (part) => {
				body += part;
			});
			request.on('end', () => {
				const { input, model } = JSON.parse(body) as { input: string[]; model: string };
				asked.push({ path: request.url, input, model });
				// The lengths of a text and of its first word.
				const data = input.map((text, index) => ({ index, embedding: [text.length, text.indexOf(' '), 1] }));
				response.setHeader('content-type', 'application/json');
				response.end(JSON.stringify({ data, usage: { total_tokens: 1 } }));
			});
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
		try {
			await db('init', path('asked'), '--embedder', 'openai:lengths', '--embedder-url', url);
			expect(await json('add', path('asked'), path('rows.jsonl'), '--embedder-url', url)).toMatchObject({ rows: 4 });
			const { hits } = await json<{ hits: { id: unknown }[] }>(
				'query',
				path('asked'),
				rows[3]!.text,
				'--embedder-url',
				url,
			);
			expect(hits[0]!.id).toBe('four');
		} finally {
			server.close();
		}
		expect(asked.at(-1)).toEqual({ path: '/v1/embeddings', input: [rows[3]!.text], model: 'lengths' });
		expect(inspectCollection(path('asked'))).toMatchObject({ model: 'openai/lengths', dimension: 3, rows: 4 });
		const other = await db('query', path('asked'), 'x', '--embedder', 'offline');
		expect(other).toMatchObject({ code: 1, stderr: expect.stringContaining('embedded with openai/lengths') });
	});

	it('are made of names, and of what a collection records', () => {
		expect(makeEmbedder('offline/ngram-lsa', {}, 64)).toMatchObject({ model: 'offline/ngram-lsa', dimension: 64 });
		expect(makeEmbedder('ollama:nomic-embed-text').model).toBe('ollama/nomic-embed-text');
		const local = makeEmbedder('openai:BAAI/bge-small', { embedderUrl: 'http://localhost:1/v1' });
		expect(local.model).toBe('openai/BAAI/bge-small');
		expect(makeEmbedder('openai/BAAI/bge-small', { embedderUrl: 'http://localhost:1/v1' }).model).toBe(local.model);
		expect(makeEmbedder('google/gemini-embedding-001', { embedderUrl: 'http://localhost:1' }, 768).model).toBe(
			'google/gemini-embedding-001',
		);
		const key = process.env['GEMINI_API_KEY'];
		delete process.env['GEMINI_API_KEY'];
		expect(() => makeEmbedder('gemini:gemini-embedding-001')).toThrow('GEMINI_API_KEY is not set');
		if (key !== undefined) process.env['GEMINI_API_KEY'] = key;
	});
});
