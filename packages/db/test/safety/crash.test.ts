/**
 * A process that writes is killed (SIGKILL) at a random moment: everything that it acknowledged is there, what was under way
 * is there as a whole or not at all, vectors and metadata belong together, nothing deleted is found.
 *
 * VECINO_SOAK=1 kills 200 times, else 8.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { openWith } from '../../src/collection/open.ts';
import { metaOf, random, SCHEMA, SMALL, vectorOf } from './rows.ts';

const KILLS = process.env['VECINO_SOAK'] ? 200 : 8;
/** After so many kills a new collection is begun. */
const PER_FOLDER = 20;

interface Kept {
	readonly version: number;
	readonly edits: number;
}

type Model = Map<number, Kept>;
type Operation = { put?: [number, number][]; delete?: number[]; edit?: [number, number] };

const child = fileURLToPath(new URL('crash-child.ts', import.meta.url));
// Node 22.13 does not run TypeScript: the child has no way to start there.
const runsTypeScript = process.features.typescript !== false && process.features.typescript !== undefined;

it.skipIf(!runsTypeScript)(
	`a writer killed ${KILLS} times loses nothing`,
	async () => {
		const below = random(20_261_121);
		let model: Model = new Map();
		let folder = '';
		let acknowledged = 0;
		try {
			for (let kill = 0; kill < KILLS; kill++) {
				if (kill % PER_FOLDER === 0) {
					if (folder !== '') rmSync(folder, { recursive: true });
					folder = mkdtempSync(join(tmpdir(), 'vecino-crash-'));
					model = new Map();
				}
				const { done, last } = await runAndKill(folder, 1 + kill, model, 5 + below(400));
				acknowledged += done.length;
				for (const operation of done) apply(model, operation);
				model = await check(folder, model, last, `kill ${kill}`);
			}
		} finally {
			rmSync(folder, { recursive: true, force: true });
		}
		expect(acknowledged).toBeGreaterThan(KILLS);
	},
	600_000,
);

/** Starts a writer and kills it some milliseconds after it is ready. What it acknowledged, and what was under way. */
function runAndKill(
	folder: string,
	seed: number,
	model: Model,
	milliseconds: number,
): Promise<{ done: Operation[]; last: Operation | undefined }> {
	return new Promise((resolve, reject) => {
		const process_ = spawn(process.execPath, ['--no-warnings', child, join(folder, 'c'), String(seed)], {
			stdio: ['pipe', 'pipe', 'pipe'],
		});
		let out = '';
		let errors = '';
		let timer: NodeJS.Timeout | undefined;
		process_.stdout.on('data', (chunk) => {
			out += chunk;
			if (timer === undefined && out.startsWith('ready\n'))
				timer = setTimeout(() => process_.kill('SIGKILL'), milliseconds);
		});
		process_.stderr.on('data', (chunk) => {
			errors += chunk;
		});
		process_.on('close', (_code, signal) => {
			clearTimeout(timer);
			if (signal !== 'SIGKILL') return reject(new Error(`the writer ended by itself: ${errors}`));
			const lines = out.split('\n').slice(1, -1);
			const done: Operation[] = [];
			let last: Operation | undefined;
			for (const line of lines) {
				if (line === 'done') {
					done.push(last!);
					last = undefined;
				} else last = JSON.parse(line.slice('begin '.length)) as Operation;
			}
			resolve({ done, last });
		});
		process_.stdin.end(JSON.stringify([...model].map(([id, { version, edits }]) => [id, version, edits])));
	});
}

function apply(model: Model, { put, delete: gone, edit }: Operation): void {
	for (const [id, version] of put ?? []) model.set(id, { version, edits: 0 });
	for (const id of gone ?? []) model.delete(id);
	if (edit !== undefined) model.set(edit[0], { version: model.get(edit[0])!.version, edits: edit[1] });
}

/** Compares a collection with what it must hold; `last` may have happened or not. What it does hold. */
async function check(folder: string, before: Model, last: Operation | undefined, name: string): Promise<Model> {
	const collection = await openWith(
		join(folder, 'c'),
		{ metric: 'l2', index: 'IVF4,Flat', dimension: 8, schema: SCHEMA },
		{ thresholds: SMALL },
	);
	try {
		const after = new Map(before);
		if (last !== undefined) apply(after, last);
		const first = last?.put?.[0]?.[0] ?? last?.delete?.[0] ?? last?.edit?.[0];
		const held = first === undefined ? undefined : await collection.get(first);
		const happened = first !== undefined && same(after.get(first), held?.metadata as unknown as Kept | undefined);
		const model = happened ? after : before;
		expect(await collection.count(), `${name}: rows`).toBe(model.size);
		for (const id of new Set([...before.keys(), ...after.keys()])) {
			const row = await collection.get(id, { include: ['metadata', 'vector'] });
			const kept = model.get(id);
			if (kept === undefined) {
				expect(row, `${name}: ${id} was deleted`).toBeUndefined();
				continue;
			}
			expect(row?.metadata, `${name}: metadata of ${id}`).toEqual(metaOf(id, kept.version, kept.edits));
			expect([...row!.vector!], `${name}: vector of ${id}`).toEqual([...vectorOf(id, kept.version)]);
		}
		await checkSearches(collection, model, [...after.keys(), ...before.keys()], name);
		const report = await collection.verify();
		expect(report.problems, `${name}: verify`).toEqual([]);
		return model;
	} finally {
		await collection.close();
	}
}

/** Each of some rows is the first hit for its own vector, and what is deleted is no hit. */
async function checkSearches(
	collection: Awaited<ReturnType<typeof openWith>>,
	model: Model,
	ids: readonly number[],
	name: string,
): Promise<void> {
	const step = Math.max(1, Math.floor(ids.length / 60));
	for (let i = 0; i < ids.length; i += step) {
		const id = ids[i]!;
		const version = model.get(id)?.version ?? 1;
		const hits = await collection.query({ vector: vectorOf(id, version), k: 3, recall: 1 });
		if (model.has(id)) expect(hits[0], `${name}: search for ${id}`).toMatchObject({ id, distance: 0 });
		for (const hit of hits) {
			const kept = model.get(Number(hit.id));
			expect(kept, `${name}: ${hit.id} is found`).toBeDefined();
			expect(hit.metadata).toEqual(metaOf(Number(hit.id), kept!.version, kept!.edits));
		}
	}
}

function same(a: Kept | undefined, b: Kept | undefined): boolean {
	return a?.version === b?.version && a?.edits === b?.edits;
}
