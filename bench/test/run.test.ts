/** The whole suite on a little data, as `npm run bench` starts it; nothing is timed. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, expect, it } from 'vitest';

const out = mkdtempSync(join(tmpdir(), 'vecino-bench-run-'));
afterAll(() => rmSync(out, { recursive: true }));

async function bench(...args: string[]): Promise<string> {
	const script = fileURLToPath(new URL('../suite/run.ts', import.meta.url));
	const common = ['--quick', '--generate', '800x16', '--queries', '20', '--rounds', '1', '--core', 'any'];
	const { stdout } = await promisify(execFile)(process.execPath, [
		script,
		...common,
		'--cache',
		out,
		'--out',
		out,
		...args,
	]);
	return stdout;
}

it('measures configurations, and stores numbers and curves', async () => {
	const text = await bench('--config', 'IVF16,PQ8x4fsr,RFlat', '--config', 'X32', '--kernels', 'simd');
	expect(text).toContain('### At equal recall');
	expect(text).toContain('no configuration X32');
	expect(readFileSync(join(out, 'results.md'), 'utf8')).toBe(text.slice(0, -1));
	const { configs, sides } = JSON.parse(readFileSync(join(out, 'results.json'), 'utf8'));
	expect(sides.map(({ name }: { name: string }) => name)).toEqual(['vecino', 'vecino simd']);
	// The same index, whatever the kernels.
	const recalls = configs[0].sides.map((side: { points: { batch: { recall: number }[] } }) =>
		Math.max(...side.points.batch.map(({ recall }) => recall)),
	);
	expect(recalls[0]).toBe(recalls[1]);
	expect(readdirSync(out)).toContain('recall-speed-single.svg');
});

it('measures building and codes', async () => {
	expect(await bench('--build', 'IVF16,PQ8')).toMatch(/\| IVF16,PQ8 \| vecino \| 8 \|/);
	expect(await bench('--codes', '--generate', '400x64')).toMatch(/\| IVF64,PQ64x4fsr \| vecino \|/);
});
