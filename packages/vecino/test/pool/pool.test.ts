/** The pool when things go wrong: threads that die, work that is aborted, engines that are disposed of. */
import { Worker } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { createEngine, type Engine, IndexIVFPQ, isVecinoError, kmeansAsync, VecinoError } from '../../src/index.ts';
import { together } from '../../src/kernels/pool/parallel.ts';
import { runAsync, type Steps } from '../../src/util/steps.ts';
import { clustered } from '../support/data.ts';

const D = 16;
const x = clustered(3000, D);
const made: Engine[] = [];
/** Workers started by the test at hand. */
const workers: Worker[] = [];

afterEach(() => {
	for (const engine of made.splice(0)) {
		engine[Symbol.dispose]();
		expect(engine.arena.allocatedBytes, 'bytes left behind').toBe(0);
	}
	vi.restoreAllMocks();
	workers.length = 0;
});

/** An engine whose workers are in `workers`. */
async function threaded(threads: number): Promise<Engine> {
	class Spy extends Worker {
		constructor(...args: ConstructorParameters<typeof Worker>) {
			super(...args);
			workers.push(this);
		}
	}
	const real = process.getBuiltinModule.bind(process);
	vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: string) =>
		name === 'node:worker_threads' ? { Worker: Spy } : real(name)) as typeof real);
	const engine = await createEngine({ threads });
	engine.pool!.grain = 2 ** 14;
	made.push(engine);
	return engine;
}

/** Pieces of about `ms` milliseconds, also as tasks; each writes 1 to a place of its own when it is done. */
function work(engine: Engine, n: number, ms: number) {
	const { arena, kernels, pool } = engine;
	const d = 1024;
	const row = arena.allocZeroed(d * 4);
	const out = arena.allocZeroed(n * 4);
	const one = arena.alloc(4);
	arena.f32[one >>> 2] = 1;
	const pieces = Array.from({ length: n }, (_, i) => () => {
		for (let j = 0; j < Math.max(1, 500 * ms); j++) kernels.largestNorm(row, 1, d);
		kernels.normsSquared(one, 1, 1, out + i * 4);
	});
	const tasks = pieces.map((piece) => pool!.tape.record(piece));
	const done = (): number => arena.f32.subarray(out >>> 2, (out >>> 2) + n).reduce((a, b) => a + b, 0);
	return { pieces, tasks, done, free: () => [row, out, one].forEach((ptr) => void arena.free(ptr)) };
}

const codeOf = async (run: Promise<unknown>): Promise<string> => {
	try {
		await run;
		return 'no error';
	} catch (error) {
		return isVecinoError(error) ? error.code : String(error);
	}
};

describe('runs', () => {
	it('every task of many small batches, also at the same time', async () => {
		const engine = await threaded(2);
		for (let round = 0; round < 50; round++) {
			const batches = [1, 7, 3].map((n) => work(engine, n, 0.01));
			await Promise.all(batches.map((batch) => engine.pool!.run(batch.tasks)));
			expect(batches.map((batch) => batch.done())).toEqual([1, 7, 3]);
			for (const batch of batches) batch.free();
		}
		await engine.pool!.run([]);
	});

	it('while the memory grows', async () => {
		const engine = await threaded(2);
		const batch = work(engine, 40, 1);
		const run = engine.pool!.run(batch.tasks);
		const before = engine.arena.reservedBytes;
		const blocks = Array.from({ length: 20 }, () => engine.arena.alloc(2 ** 20));
		await run;
		expect(engine.arena.reservedBytes).toBeGreaterThan(before + 20 * 2 ** 20 - 2 ** 17);
		expect(batch.done()).toBe(40);
		// And in memory that was not there when the threads started.
		const far = engine.arena.alloc(64);
		engine.arena.f32[far >>> 2] = 3;
		await engine.pool!.run([engine.pool!.tape.record(() => engine.kernels.normsSquared(far, 1, 1, far + 4))]);
		expect(engine.arena.f32[(far >>> 2) + 1]).toBe(9);
		for (const ptr of [...blocks, far]) engine.arena.free(ptr);
		batch.free();
	});

	it('a kernel that fails fails its run, and only that', async () => {
		const engine = await threaded(2);
		const bad = engine.pool!.tape.record(() => engine.kernels.normsSquared(4e9, 100, 1000, 4e9));
		const batch = work(engine, 10, 1);
		const [failed, fine] = await Promise.allSettled([engine.pool!.run([bad]), engine.pool!.run(batch.tasks)]);
		expect(String((failed as PromiseRejectedResult).reason)).toMatch(/a kernel failed in a worker: RuntimeError/);
		expect(fine.status).toBe('fulfilled');
		expect(batch.done()).toBe(10);
		batch.free();
	});
});

describe('parallel steps', () => {
	it('an error on this thread waits for the others', async () => {
		const engine = await threaded(2);
		const batch = work(engine, 20, 2);
		function* steps(): Steps<void> {
			yield together(engine, batch.pieces, () => {
				throw new Error('mine');
			});
		}
		await expect(runAsync(steps())).rejects.toThrow('mine');
		expect(batch.done()).toBe(20);
		batch.free();
	});
});

describe('abort', () => {
	it('gives out no further task, and settles when those at work have ended', async () => {
		const engine = await threaded(2);
		const abort = new AbortController();
		const batch = work(engine, 200, 2);
		const run = engine.pool!.run(batch.tasks, abort.signal);
		setTimeout(() => abort.abort(), 20);
		expect(await codeOf(run)).toBe('aborted');
		const done = batch.done();
		expect(done).toBeLessThan(200);
		await new Promise((resolve) => setTimeout(resolve, 30));
		expect(batch.done()).toBe(done);
		batch.free();
		expect(await codeOf(engine.pool!.run([new Float64Array(0)], abort.signal))).toBe('aborted');
	});

	it('of train, add and search leaves the index as it was', async () => {
		const engine = await threaded(2);
		using index = new IndexIVFPQ({ d: D, nlist: 32, m: 4, engine });
		const aborting = async (start: (signal: AbortSignal) => Promise<unknown>, after: number): Promise<string> => {
			const abort = new AbortController();
			setTimeout(() => abort.abort(), after);
			return codeOf(start(abort.signal));
		};
		for (const after of [0, 5, 15]) {
			const code = await aborting((signal) => index.trainAsync(x, { signal, niter: 200 }), after);
			expect(code).toBe('aborted');
			expect(index.isTrained).toBe(false);
			expect(engine.arena.allocatedBytes).toBe(0);
		}
		await index.trainAsync(x, { niter: 2 });
		expect(await aborting((signal) => index.addAsync(x, { signal }), 0)).toMatch(/aborted|no error/);
		expect([0, x.n]).toContain(index.ntotal);
	});
});

describe('a thread that dies', () => {
	it('fails what is under way, and the next run starts another', async () => {
		const engine = await threaded(2);
		const batch = work(engine, 100, 2);
		const runs = [engine.pool!.run(batch.tasks), kmeansAsync(x, 40, { engine, niter: 200 })];
		setTimeout(() => void workers[0]!.terminate(), 10);
		expect(await Promise.all(runs.map(codeOf))).toEqual(['worker-died', 'worker-died']);
		await expect(runs[0]).rejects.toThrow(
			/a worker thread of the engine ended: the worker ended with code 1; .* tried again/,
		);
		const done = batch.done();
		await engine.pool!.run(batch.tasks);
		expect(done).toBeLessThan(100);
		expect(batch.done()).toBe(100);
		expect(workers).toHaveLength(3);
		batch.free();
	});

	it('while idle is replaced', async () => {
		const engine = await threaded(2);
		await Promise.all(workers.map((worker) => worker.terminate()));
		const batch = work(engine, 10, 0.1);
		await engine.pool!.run(batch.tasks);
		expect(batch.done()).toBe(10);
		batch.free();
	});

	it('by an error of its own', async () => {
		const engine = await threaded(2);
		const batch = work(engine, 100, 2);
		const run = engine.pool!.run(batch.tasks);
		workers[1]!.emit('error', new Error('out of luck'));
		await workers[1]!.terminate();
		await expect(run).rejects.toThrow(/ended: out of luck/);
		batch.free();
	});
});

describe('dispose', () => {
	it('in the middle fails what is under way when it has stopped; twice is once', async () => {
		const engine = await threaded(2);
		const batch = work(engine, 100, 2);
		const runs = [engine.pool!.run(batch.tasks), kmeansAsync(x, 40, { engine, niter: 200 })];
		engine[Symbol.dispose]();
		engine[Symbol.dispose]();
		expect(await Promise.all(runs.map(codeOf))).toEqual(['disposed', 'disposed']);
		const done = batch.done();
		await new Promise((resolve) => setTimeout(resolve, 20));
		expect(batch.done()).toBe(done);
		expect(await codeOf(engine.pool!.run(batch.tasks))).toBe('disposed');
		batch.free();
		await vi.waitUntil(() => workers.every((worker) => worker.threadId === -1));
	});

	it('leaves the sync methods of its indexes working', async () => {
		const engine = await threaded(2);
		using index = new IndexIVFPQ({ d: D, nlist: 8, m: 4, engine });
		await index.trainAsync(x, { niter: 1 });
		engine[Symbol.dispose]();
		expect(index.add(x).search(x.row(0), 1).nq).toBe(1);
		expect(await codeOf(index.addAsync(x))).toBe('disposed');
		expect(index.ntotal).toBe(x.n);
	});
});

describe('createEngine', () => {
	it('says how many threads there are', async () => {
		expect((await createEngine()).threads).toBe(1);
		expect((await createEngine({ threads: 1 })).pool).toBeUndefined();
		const auto = await createEngine({ threads: 'auto' });
		made.push(auto);
		expect(auto.threads).toBe(Math.min(64, navigator.hardwareConcurrency));
	});

	it('refuses what it cannot do', async () => {
		await expect(createEngine({ threads: 0 })).rejects.toThrow(/threads must be an integer in 1..64, got 0/);
		const failed = createEngine({ threads: 2, kernels: 'reference' });
		await expect(failed).rejects.toThrow(
			"createEngine: threads: 2 cannot be had: the 'reference' kernels are not WebAssembly; use threads: 1, or 'auto' to take what there is",
		);
		expect(await codeOf(failed)).toBe('unsupported');
		expect((await createEngine({ threads: 'auto', kernels: 'reference' })).threads).toBe(1);
	});

	it('without shared memory or workers: an error that says what to do, auto takes one', async () => {
		vi.stubGlobal('crossOriginIsolated', false);
		await expect(createEngine({ threads: 2 })).rejects.toThrow(/Cross-Origin-Opener-Policy: same-origin/);
		expect((await createEngine({ threads: 'auto' })).threads).toBe(1);
		vi.unstubAllGlobals();
		vi.spyOn(process, 'getBuiltinModule').mockImplementation(() => undefined as never);
		vi.stubGlobal('Worker', undefined);
		await expect(createEngine({ threads: 2 })).rejects.toThrow(/this runtime has no workers/);
		vi.unstubAllGlobals();
	});

	it('a worker that cannot start fails it', async () => {
		vi.spyOn(process, 'getBuiltinModule').mockImplementation((() => ({
			Worker: class {
				constructor() {
					throw new VecinoError('storage', 'not allowed');
				}
			},
		})) as never);
		await expect(createEngine({ threads: 2 })).rejects.toThrow(/threads: 2 cannot be had: not allowed/);
	});
});
