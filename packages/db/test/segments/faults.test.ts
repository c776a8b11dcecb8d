import { VecinoError } from 'vecino';
import { describe, expect, test } from 'vitest';
import type { SegmentFiles } from '../../src/segments/contract.ts';
import { MemoryFiles } from '../../src/segments/files-memory.ts';
import { LiveIndex, type LiveIndexOptions } from '../../src/segments/live-index.ts';
import { clustered, MemoryRows } from './memory-rows.ts';
import { allocated, engine, Steps } from './stepped.ts';

const D = 8;
/** Operations tried for failure; VECINO_SOAK=1 tries all. */
const TRIES = process.env['VECINO_SOAK'] === '1' ? Number.POSITIVE_INFINITY : 4;
const ALL = { nprobe: 1_000_000, kFactor: 1000 };

/** Fails one operation in so many: writes, reads, removals, commits, tasks of the builder. */
class Faults {
	operations = 0;
	failed = 0;
	/** The operation that fails; from it on all of them, where `forGood`. */
	at = Number.POSITIVE_INFINITY;
	forGood = false;

	readonly strike = (): void => {
		const now = ++this.operations;
		if (now !== this.at && !(this.forGood && now > this.at)) return;
		this.failed++;
		throw new VecinoError('storage', 'no space left on device (a fault of the test)');
	};
}

class FaultyFiles implements SegmentFiles {
	readonly #files: MemoryFiles;
	readonly #strike: () => void;

	constructor(files: MemoryFiles, strike: () => void) {
		this.#files = files;
		this.#strike = strike;
	}

	path(): undefined {
		return undefined;
	}

	async write(name: string, chunks: Iterable<Uint8Array>): Promise<number> {
		this.#strike();
		return this.#files.write(name, chunks);
	}

	async read(name: string): Promise<Uint8Array> {
		this.#strike();
		return this.#files.read(name);
	}

	async remove(name: string): Promise<void> {
		this.#strike();
		return this.#files.remove(name);
	}

	list(): Promise<string[]> {
		return this.#files.list();
	}

	sweep(): Promise<void> {
		return this.#files.sweep();
	}
}

function setup(faults: Faults, spec: string, keeps: boolean) {
	const rows = new MemoryRows(D, keeps);
	rows.onCommit = faults.strike;
	const files = new MemoryFiles();
	const steps = new Steps();
	const options = (faulty: boolean): LiveIndexOptions => ({
		rows,
		files: faulty ? new FaultyFiles(files, faults.strike) : files,
		metric: 'l2',
		spec,
		engine,
		thresholds: { sealRows: 64, pieceRows: 32, flatRows: 100, growth: 3, maxSegmentRows: 300, queries: 10 },
		pause: steps.pause,
		builder: () => steps.builder(faulty ? faults.strike : undefined),
		backoffMs: [0, 0],
	});
	return { rows, files, steps, options };
}

/** A life of an index: rows come and go, it grows twice. */
async function live(index: LiveIndex, rows: MemoryRows, steps: Steps, check: () => void): Promise<void> {
	for (let turn = 0; turn < 18; turn++) {
		const x = clustered(45, D, turn + 1);
		index.add(rows.insert(x), x);
		const gone = [...rows.alive].filter((rid) => rid % 9 === turn % 9).slice(0, 30);
		rows.delete(gone);
		index.remove(gone);
		for (let i = 0; i < 6; i++) await steps.step(turn * 7 + i);
		check();
		// As a failure comes up here, work goes on at the next turn.
		if (turn % 3 === 2) await steps.drain(index.settle()).catch(() => {});
		check();
	}
}

function findsAll(index: LiveIndex, rows: MemoryRows): void {
	expect(new Set(index.search(clustered(1, D, 4), 3000, ALL).rids)).toEqual(rows.alive);
}

describe('failures in the background', () => {
	for (const [spec, keeps] of [
		['IVF,Flat', true],
		['IVF,SQ8', false],
		['HNSW4', true],
	] as const) {
		const title = `${spec}${keeps ? '' : ', no originals'}`;
		test(`${title}: any one operation fails: nothing is lost, the work is done again`, async () => {
			const faultless = new Faults();
			{
				const { rows, steps, options } = setup(faultless, spec, keeps);
				const index = await steps.drain(LiveIndex.open(options(true)));
				await live(index, rows, steps, () => findsAll(index, rows));
				await steps.drain(index.close());
			}
			expect(faultless.operations).toBeGreaterThan(30);
			const stride = Math.max(1, Math.floor(faultless.operations / TRIES));
			for (let at = 1; at <= faultless.operations; at += stride) {
				const faults = new Faults();
				faults.at = at;
				const { rows, files, steps, options } = setup(faults, spec, keeps);
				const index = await steps.drain(LiveIndex.open(options(true)));
				await live(index, rows, steps, () => findsAll(index, rows));
				expect(faults.failed).toBe(1);
				await steps.drain(index.settle());
				expect(index.stats().backgroundError).toBeUndefined();
				findsAll(index, rows);
				await steps.drain(index.close());
				const again = await steps.drain(LiveIndex.open(options(false)));
				findsAll(again, rows);
				const known = [...rows.segments(), ...rows.models()].map(({ name }) => name).sort();
				expect((await files.list()).sort()).toEqual(known);
				await steps.drain(again.close());
			}
		});
	}

	test('a disk that is full for good: all rows are found, before and after a crash at any operation', async () => {
		for (let at = 1; at <= 60; at += TRIES > 4 ? 1 : 17) {
			const faults = new Faults();
			faults.at = at;
			faults.forGood = true;
			const { rows, files, steps, options } = setup(faults, 'IVF,Flat', true);
			const index = await steps.drain(LiveIndex.open(options(true)));
			await live(index, rows, steps, () => findsAll(index, rows));
			expect(index.stats().backgroundError).toMatch(/no space left/);
			await expect(steps.drain(index.settle())).rejects.toThrow(/no space left/);
			// The process is killed: nothing is tidied up.
			rows.onCommit = undefined;
			const again = await steps.drain(LiveIndex.open(options(false)));
			findsAll(again, rows);
			await steps.drain(again.settle());
			findsAll(again, rows);
			const known = [...rows.segments(), ...rows.models()].map(({ name }) => name).sort();
			expect((await files.list()).sort()).toEqual(known);
			await steps.drain(again.close());
			await steps.drain(index.close());
		}
	});
});

describe('damaged files', () => {
	async function sealed(keeps = true) {
		const given = setup(new Faults(), 'IVF8,Flat', keeps);
		const { rows, steps, options } = given;
		const index = await steps.drain(LiveIndex.open(options(false)));
		const x = clustered(700, D, 1);
		index.add(rows.insert(x), x);
		await steps.drain(index.settle());
		const gone = [3, 200, 201];
		rows.delete(gone);
		index.remove(gone);
		await steps.drain(index.close());
		return given;
	}

	for (const kind of ['missing', 'truncated', 'flipped'] as const) {
		for (const what of ['segment', 'model'] as const) {
			test(`a ${kind} ${what} is named, and made again from the rows`, async () => {
				const { rows, files, steps, options } = await sealed();
				const { name } = what === 'segment' ? rows.segments()[0]! : rows.models()[0]!;
				const bytes = (await files.read(name)).slice();
				if (kind === 'missing') await files.remove(name);
				else if (kind === 'truncated') await files.write(name, [bytes.subarray(0, 100)]);
				else {
					bytes[bytes.length - 70]! ^= 1;
					await files.write(name, [bytes]);
				}
				const failing = steps.drain(LiveIndex.open(options(false)));
				await expect(failing).rejects.toMatchObject({ code: 'corrupt-data', found: name });
				await expect(failing).rejects.toThrow(/repair\(\)/);
				const opened = options(false);
				const index = await steps.drain(LiveIndex.open({ ...opened, rebuild: true }));
				findsAll(index, rows);
				await steps.drain(index.settle());
				findsAll(index, rows);
				await steps.drain(index.close());
				expect(allocated()).toBe(0);
				const again = await steps.drain(LiveIndex.open(options(false)));
				findsAll(again, rows);
				await steps.drain(again.close());
			});
		}
	}

	test('without originals the error says that it cannot be made again', async () => {
		const { rows, files, steps, options } = await sealed(false);
		await files.remove(rows.segments()[0]!.name);
		await expect(steps.drain(LiveIndex.open(options(false)))).rejects.toThrow(/originals are not kept.*snapshot/);
		await expect(steps.drain(LiveIndex.open({ ...options(false), rebuild: true }))).rejects.toThrow(
			/without originals/,
		);
	});
});
