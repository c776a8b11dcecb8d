import { expect, test } from 'vitest';
import { MemoryFiles } from '../../src/segments/files-memory.ts';
import { LiveIndex, type LiveIndexOptions } from '../../src/segments/live-index.ts';
import { clustered, MemoryRows } from './memory-rows.ts';
import { allocated, engine, Steps } from './stepped.ts';

const D = 8;
const ALL = { nprobe: 1_000_000, kFactor: 1000 };

for (const [spec, keeps] of [
	['IVF,Flat', true],
	['IVF,SQ8', false],
	['HNSW4', true],
] as const) {
	test(`${spec}: readers follow a writer that seals, grows and compacts`, async () => {
		const rows = new MemoryRows(D, keeps);
		const files = new MemoryFiles();
		let reads = 0;
		const counted = Object.assign(Object.create(files) as MemoryFiles, {
			path: () => undefined,
			read: (name: string) => {
				reads++;
				return files.read(name);
			},
		});
		const steps = new Steps();
		const common = { rows, metric: 'l2', spec, builder: () => steps.builder(), backoffMs: [0, 0] } as const;
		const thresholds = { sealRows: 64, pieceRows: 32, flatRows: 100, growth: 3, maxSegmentRows: 300, queries: 10 };
		const options = (): LiveIndexOptions => ({ ...common, files, thresholds, engine });
		const writer = await steps.drain(LiveIndex.open({ ...options(), pause: steps.pause }));
		const readerOptions = { ...options(), files: counted, readOnly: true };
		const reader = await LiveIndex.open(readerOptions);
		const same = (): void => {
			const q = clustered(1, D, 4);
			expect(new Set(reader.search(q, 3000, ALL).rids)).toEqual(rows.alive);
		};
		for (let turn = 0; turn < 40; turn++) {
			const x = clustered(37, D, turn + 1);
			writer.add(rows.insert(x), x);
			const gone = [...rows.alive].filter((rid) => rid % 7 === turn % 7).slice(0, 25);
			rows.delete(gone);
			writer.remove(gone);
			for (let i = 0; i < turn % 9; i++) await steps.step(turn * 5 + i);
			if (turn % 6 === 5) await steps.drain(writer.settle());
			if (turn % 2 === 1) {
				await reader.refresh();
				same();
			}
		}
		await steps.drain(writer.optimize());
		await reader.refresh();
		same();
		// Nothing new: nothing is read again.
		const before = reads;
		await reader.refresh();
		expect(reads).toBe(before);
		expect(reader.backlog).toBe(0);
		await expect(reader.optimize()).rejects.toMatchObject({ code: 'read-only' });
		await reader.close();
		await steps.drain(writer.close());
		expect(allocated()).toBe(0);
	});
}
