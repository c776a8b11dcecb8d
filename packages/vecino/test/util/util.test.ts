import { describe, expect, it } from 'vitest';
import { isVecinoError, VecinoError } from '../../src/errors.ts';
import { Arena } from '../../src/kernels/arena.ts';
import { checkInt, checkKeys, checkOneOf } from '../../src/util/check.ts';
import { IdTable } from '../../src/util/id-table.ts';
import { Rng } from '../../src/util/rng.ts';
import { runAsync, runSync, type Steps } from '../../src/util/steps.ts';

describe('Rng', () => {
	it('draws the same numbers everywhere', () => {
		const rng = new Rng(1234);
		expect(Array.from({ length: 4 }, () => rng.uint32())).toEqual([1491449434, 3161889898, 419805400, 3367371148]);
		expect(new Rng(1234).float()).toBe(0.3472551311268274);
	});

	it('below is even, float stays in 0..1, sample is ascending and distinct', () => {
		const rng = new Rng(5);
		const counts = new Uint32Array(7);
		for (let i = 0; i < 7000; i++) counts[rng.below(7)]!++;
		for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
		for (let i = 0; i < 1000; i++) {
			const value = rng.float();
			expect(value >= 0 && value < 1).toBe(true);
		}
		const sample = rng.sample(1000, 100);
		expect(new Set(sample).size).toBe(100);
		expect([...sample]).toEqual([...sample].sort((a, b) => a - b));
		expect([...rng.sample(3, 10)]).toEqual([0, 1, 2]);
		expect(rng.sample(0, 0)).toHaveLength(0);
	});
});

describe('Arena', () => {
	it('gives aligned blocks, reuses freed ones, merges neighbours, and ends empty', () => {
		const arena = new Arena();
		const a = arena.alloc(10);
		const b = arena.alloc(1000);
		const c = arena.alloc(1);
		expect([a % 64, b % 64, c % 64]).toEqual([0, 0, 0]);
		expect(arena.sizeOf(b)).toBe(1024);
		arena.free(a);
		arena.free(b);
		expect(arena.alloc(1088)).toBe(a);
		arena.free(a);
		arena.free(c);
		expect(arena.allocatedBytes).toBe(0);
		expect(arena.alloc(5000)).toBe(a);
	});

	it('random allocations never overlap and keep their bytes', () => {
		const arena = new Arena();
		const rng = new Rng(9);
		const live = new Map<number, { size: number; fill: number }>();
		for (let step = 0; step < 3000; step++) {
			if (live.size > 0 && rng.below(5) < 2) {
				const ptr = [...live.keys()][rng.below(live.size)]!;
				const { size, fill } = live.get(ptr)!;
				expect(arena.u8.subarray(ptr, ptr + size).every((byte) => byte === fill)).toBe(true);
				arena.free(ptr);
				live.delete(ptr);
				continue;
			}
			const size = 1 + rng.below(rng.below(20) === 0 ? 200_000 : 700);
			const ptr = arena.alloc(size);
			const fill = rng.below(256);
			arena.u8.fill(fill, ptr, ptr + size);
			live.set(ptr, { size, fill });
		}
		const blocks = [...live].sort(([p], [q]) => p - q);
		for (const [i, [ptr]] of blocks.entries()) {
			const before = blocks[i - 1];
			if (before) expect(before[0] + before[1].size).toBeLessThanOrEqual(ptr);
		}
		for (const ptr of live.keys()) arena.free(ptr);
		expect(arena.allocatedBytes).toBe(0);
	});

	it('keeps no record of blocks that are gone, however often scratch comes and goes', () => {
		const arena = new Arena();
		const hole = arena.alloc(10_000);
		const rest = arena.alloc(64);
		arena.free(hole);
		for (let i = 0; i < 10_000; i++) {
			const a = arena.alloc(3000);
			const b = arena.alloc(1000);
			arena.free(a);
			arena.free(b);
			expect(arena.freeBlocks).toBe(1);
		}
		expect(arena.alloc(10_000)).toBe(hole);
		arena.free(rest);
		expect(arena.freeBlocks).toBe(0);
	});

	it('refuses what does not fit, and goes on', () => {
		const arena = new Arena(1 << 20);
		const block = arena.alloc(500_000);
		expect(() => arena.alloc(600_000)).toThrow(
			/cannot allocate 600000 bytes: 500032 of at most 1048576 bytes are in use/,
		);
		try {
			arena.alloc(2 ** 33);
		} catch (error) {
			expect(isVecinoError(error, 'out-of-memory')).toBe(true);
		}
		arena.free(block);
		expect(arena.alloc(900_000)).toBe(block);
	});

	it('keeps scratch at hand, counts it as free, and gives it up when memory ends', () => {
		const arena = new Arena(1 << 20);
		const scratch = arena.allocScratch(300_000);
		expect(arena.allocatedBytes).toBe(300_032);
		arena.freeScratch(scratch, 300_000);
		expect(arena.allocatedBytes).toBe(0);
		expect(arena.allocScratch(300_000)).toBe(scratch);
		arena.freeScratch(scratch, 300_000);
		const whole = arena.alloc(1_000_000);
		expect(arena.allocatedBytes).toBe(1_000_000);
		arena.free(whole);
		const blocks = Array.from({ length: 40 }, (_, i) => arena.allocScratch(100 * (i + 1)));
		for (const [i, ptr] of blocks.entries()) arena.freeScratch(ptr, 100 * (i + 1));
		expect(arena.allocatedBytes).toBe(0);
		expect(arena.alloc(1_000_000)).toBeGreaterThan(0);
	});

	it('a block freed twice is our bug', () => {
		const arena = new Arena();
		const ptr = arena.alloc(8);
		arena.free(ptr);
		expect(() => arena.free(ptr)).toThrow('internal');
		expect(() => arena.free(0)).not.toThrow();
	});
});

describe('IdTable', () => {
	it('is a map from ids to rows', () => {
		const table = new IdTable();
		const rng = new Rng(3);
		const map = new Map<number, number>();
		while (map.size < 5000) {
			const id = rng.below(2) === 0 ? rng.below(20_000) : rng.uint32() * 2_000_000 + rng.below(1000);
			if (map.has(id)) continue;
			map.set(id, map.size);
			table.push(id);
		}
		for (const [id, row] of map) expect(table.rowOf(id)).toBe(row);
		expect([...table.ids]).toEqual([...map.keys()]);
		expect(table.rowOf(-1)).toBe(-1);
		table.clear();
		expect([table.n, table.rowOf([...map.keys()][0]!)]).toEqual([0, -1]);
	});
});

describe('steps', () => {
	function* count(to: number, log: string[] = []): Steps<string> {
		try {
			for (let i = 1; i <= to; i++) yield { phase: 'count', done: i, total: to };
			return 'done';
		} finally {
			log.push('closed');
		}
	}

	it('runs through, sync and async', async () => {
		const seen: number[] = [];
		expect(runSync(count(3), { onProgress: ({ done }) => seen.push(done) })).toBe('done');
		expect(await runAsync(count(3), { sliceMs: 0 })).toBe('done');
		expect(seen).toEqual([1, 2, 3]);
	});

	it('lets the event loop turn', async () => {
		let turns = 0;
		const timer = setInterval(() => turns++, 0);
		await runAsync(count(20), { sliceMs: 0 });
		clearInterval(timer);
		expect(turns).toBeGreaterThan(3);
	});

	it('runs parallel pieces in order, sync and async, and stops between them', async () => {
		const log: number[] = [];
		const abort = new AbortController();
		const runHere = (i: number): void => {
			log.push(i);
			if (i === 3) abort.abort();
		};
		function* steps(count: number): Steps<number> {
			yield { parallel: { count, runHere } };
			return log.length;
		}
		expect(runSync(steps(3))).toBe(3);
		expect(await runAsync(steps(3), { sliceMs: 0 })).toBe(6);
		const { signal } = abort;
		expect(() => runSync(steps(9), { signal })).toThrow('aborted');
		expect(log.splice(0)).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 3]);
		await expect(runAsync(steps(9), { signal })).rejects.toThrow('aborted');
		expect(log).toEqual([]);
	});

	it('hands all pieces over where something runs them', async () => {
		const runAll = async (): Promise<boolean> => true;
		const runHere = (): never => {
			throw new Error('here');
		};
		function* steps(): Steps<string> {
			yield { parallel: { count: 2, runHere, runAll } };
			return 'elsewhere';
		}
		expect(await runAsync(steps())).toBe('elsewhere');
		expect(() => runSync(steps())).toThrow('here');
	});

	it('stops on abort and on an error in onProgress, and closes', async () => {
		const log: string[] = [];
		const signal = AbortSignal.abort('why');
		expect(() => runSync(count(3, log), { signal })).toThrow('the operation was aborted');
		const fail = (): never => {
			throw new Error('mine');
		};
		expect(() => runSync(count(3, log), { onProgress: fail })).toThrow('mine');
		await expect(runAsync(count(3, log), { onProgress: fail })).rejects.toThrow('mine');
		expect(log).toEqual(['closed', 'closed']);
	});
});

describe('checks and errors', () => {
	it('messages name method, argument, expectation and value', () => {
		expect(() => checkInt('F.g', 'k', 0, 1, 9)).toThrow(new RangeError('F.g: k must be an integer in 1..9, got 0'));
		expect(() => checkInt('F.g', 'k', '3', 1, 9)).toThrow(new TypeError('F.g: k must be an integer, got "3"'));
		expect(() => checkOneOf('F', 'm', 'z', ['a', 'b', 'c'])).toThrow("F: m must be 'a', 'b' or 'c', got \"z\"");
		expect(() => checkKeys('F', { nprob: 1 }, ['nprobe'])).toThrow(
			'F: unknown option "nprob"; known options are nprobe',
		);
		expect(() => checkKeys('F', [1], ['a'])).toThrow('F: options must be an object, got Array(1)');
	});

	it('isVecinoError matches by code, across copies of the package', () => {
		const error = new VecinoError('not-finite', 'row 3', { row: 3, cause: 'c' });
		expect([error.code, error.row, error.cause, error.expected]).toEqual(['not-finite', 3, 'c', undefined]);
		expect(isVecinoError(error, 'not-finite', 'busy')).toBe(true);
		expect(isVecinoError(error, 'busy')).toBe(false);
		expect(isVecinoError(Object.assign(new Error('x'), { name: 'VecinoError', code: 'busy' }), 'busy')).toBe(true);
		expect(isVecinoError(new Error('x'))).toBe(false);
	});
});
