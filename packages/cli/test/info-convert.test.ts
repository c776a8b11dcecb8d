/** vecino info on vector files, and vecino convert. */
import { readFileSync, statSync } from 'node:fs';
import { VectorSet } from 'vecino';
import { readVectors } from 'vecino/node';
import { beforeAll, expect, it } from 'vitest';
import { save, temporaryFolder, vecino, vecinoJson } from './support/program.ts';

const path = temporaryFolder();
const rows = [
	[3, 4, 0],
	[0, 0, 0],
	[1, 2, 2],
	[3, 4, 0],
	[255, 0, 0],
];

beforeAll(async () => {
	await save(path('x.fvecs'), VectorSet.from(rows));
	await save(
		path('unit.npy'),
		VectorSet.from([
			[0.6, 0.8],
			[1, 0],
		]),
	);
});

it('info tells lengths, range, zero vectors and repetitions', async () => {
	const report = await vecinoJson('info', path('x.fvecs'));
	expect(report).toEqual({
		command: 'info',
		kind: 'vectors',
		n: 5,
		d: 3,
		format: 'fvecs',
		dtype: 'f4',
		fortranOrder: false,
		fileBytes: 5 * 16,
		float32Bytes: 60,
		norms: { min: 0, mean: (5 + 0 + 3 + 5 + 255) / 5, max: 255 },
		normalized: false,
		values: { min: 0, max: 255 },
		zeroVectors: 1,
		duplicates: 1,
	});
	const { stdout } = await vecino(['info', path('x.fvecs')]);
	expect(stdout).toContain('5 vectors of dimension 3, .fvecs of f4');
	expect(stdout).toContain('1 (20.0 %)');
});

it('info sees normalised vectors', async () => {
	expect(await vecinoJson('info', path('unit.npy'))).toMatchObject({ normalized: true, format: 'npy' });
	expect((await vecino(['info', path('unit.npy')])).stdout).toContain('normalised');
});

it('convert goes round all formats and back to the same bytes', async () => {
	const names = ['x.npy', 'x.bvecs', 'x.ivecs', 'y.npy', 'y.fvecs'];
	let from = path('x.fvecs');
	for (const name of names) {
		const report = await vecinoJson('convert', from, path(name));
		expect(report).toEqual({
			command: 'convert',
			input: from,
			output: path(name),
			n: 5,
			d: 3,
			fileBytes: statSync(path(name)).size,
		});
		expect(Array.from((await readVectors(path(name))).data)).toEqual(rows.flat());
		from = path(name);
	}
	expect(readFileSync(path('y.fvecs')).equals(readFileSync(path('x.fvecs')))).toBe(true);
	expect((await vecino(['convert', path('x.fvecs'), path('z.npy')])).stdout).toContain('5 vectors of dimension 3');
});

it('convert refuses what the output cannot hold, with the row', async () => {
	const { code, stderr } = await vecino(['convert', path('unit.npy'), path('unit.bvecs')]);
	expect(code).toBe(1);
	expect(stderr).toContain('row 0');
});
