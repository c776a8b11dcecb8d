/** Cells found by few dimensions first are those that comparing all centroids finds. */
import { expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { VectorSet } from '../../src/core/vectors.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { reduceCells } from '../../src/indexes/reduce-cells.ts';
import { createEngine } from '../../src/kernels/engine.ts';
import { Rng } from '../../src/util/rng.ts';
import { runSync } from '../../src/util/steps.ts';

const D = 64;
const NLIST = 1024;
/** Most of what differs is in few directions, here those of the first dimensions. */
const rng = new Rng(9);
const rows = new VectorSet(
	Float32Array.from({ length: 12_000 * D }, (_, i) => (rng.float() + rng.float() - 0.9) / (1 + (i % D) ** 2)),
	D,
);

it.each(METRICS)('metric %s: on one thread and on two', async (metric) => {
	using engine = await createEngine({ threads: 2 });
	engine.pool!.grain = 2 ** 22;
	using index = new IndexIVFFlat({ d: D, metric, nlist: NLIST, engine });
	index.train(rows, { niter: 1, maxPointsPerCentroid: 4 });
	const centroids = engine.arena.allocCopy(index.centroids);
	const forms = runSync(reduceCells(engine, D, centroids, NLIST, metric, rows), {});
	engine.arena.free(centroids);
	forms?.[Symbol.dispose]();
	expect(forms).toBeDefined();
	const cells = index.assign(rows);
	// In parts that are too small for it.
	for (let i = 0; i < rows.n; i += 100) index.add(rows.slice(i, i + 100));
	const { sum } = index.spread!;
	index.reset();
	for (const add of [() => index.add(rows), () => index.addAsync(rows)]) {
		await add();
		expect(index.spread!.sum / sum).toBeCloseTo(1, 9);
		for (let row = 0; row < rows.n; row += 7) expect(index.lists.find(row)!.listNo).toBe(cells[row]);
		index.reset();
	}
});

it('few rows or few centroids are not worth it', () => {
	using index = new IndexIVFFlat({ d: D, nlist: 8 });
	index.train(rows, { niter: 1 });
	const { engine } = index;
	const at = index.quantizer.codes.at(0);
	expect(runSync(reduceCells(engine, D, at, 8, 'l2', rows), {})).toBeUndefined();
	expect(runSync(reduceCells(engine, D, at, NLIST, 'l2', rows.slice(0, 100)), {})).toBeUndefined();
});
