/** Threads of the built package, in processes of their own: an idle pool ends with its process, a busy one does not. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const entry = pathToFileURL(join(fileURLToPath(new URL('..', import.meta.url)), 'packages/vecino/dist/index.js')).href;

/** What a module prints that has `engine` with two threads, `x` with 2,000 vectors of 16 values and an `index` for them. */
function run(body: string, flags: readonly string[] = []): { status: number | null; output: string } {
	const code = `
		import { createEngine, IndexIVFFlat, kmeansAsync, VectorSet } from ${JSON.stringify(entry)};
		const x = new VectorSet(Float32Array.from({ length: 32000 }, (_, i) => (i * 7919) % 1009), 16);
		const engine = await createEngine({ threads: 2 });
		const index = new IndexIVFFlat({ d: 16, nlist: 16, engine });
		${body}`;
	const args = [...flags, '--input-type=module', '--eval', code];
	const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 60_000 });
	return { status, output: `${stdout}${stderr}`.trim() };
}

describe('a process', { timeout: 90_000 }, () => {
	it('with an idle pool ends by itself', () => {
		expect(run('console.log(engine.threads);')).toEqual({ status: 0, output: '2' });
	});

	it('ends after work, without dispose', () => {
		const body = `
			await index.trainAsync(x);
			await index.addAsync(x);
			console.log((await index.searchAsync(x.row(7), 1)).labels[0]);`;
		expect(run(body)).toEqual({ status: 0, output: '7' });
	});

	it('waits for work under way', () => {
		const body = "kmeansAsync(x, 64, { engine, niter: 50 }).then(() => console.log('done'));";
		expect(run(body)).toEqual({ status: 0, output: 'done' });
	});

	it('ends after dispose', () => {
		const body = `
			engine[Symbol.dispose]();
			await index.trainAsync(x).catch(({ code }) => console.log(code));`;
		expect(run(body)).toEqual({ status: 0, output: 'disposed' });
	});

	it('that may not start workers is told so', () => {
		const body = "console.log('started');";
		const { status, output } = run(body, ['--permission', '--allow-fs-read=*']);
		expect(status).toBe(1);
		expect(output).toMatch(/createEngine: threads: 2 cannot be had: .*use threads: 1, or 'auto' to take what there is/);
	});
});
