/** k-means, iteration by iteration: the engine's, run for 0, 1, 2, ... iterations from one seed, which are states of one run. */

import { type Engine, kmeansAsync } from 'vecino';
import { project } from '../compute/plane.ts';
import { Random } from '../compute/random.ts';
import type { Clustered, ClusterFrame, ClusterRequest } from '../protocol.ts';
import type { Data, Run } from './data.ts';

/** Rows that take part; all numbers of each do. */
const ROWS_2D = 10_000;
const ROWS = 3000;

export async function clusterFrames(
	engine: Engine,
	data: Data,
	{ k, niter, seed, init }: ClusterRequest,
	run: Run,
): Promise<Clustered> {
	const rows = new Random(4).sample(data.x.n, data.x.d <= 8 ? ROWS_2D : ROWS);
	const x = data.x.take(rows);
	const frames: ClusterFrame[] = [];
	for (let i = 0; i <= niter; i++) {
		const result = await kmeansAsync(x, k, {
			niter: i,
			seed,
			init,
			tolerance: 0,
			maxPointsPerCentroid: x.n,
			engine,
			...(run.signal && { signal: run.signal }),
		});
		const before = frames.at(-1)?.assign;
		const { assign, objective } = result;
		const moved =
			before === undefined ? x.n : assign.reduce((sum, cell, row) => sum + (cell === before[row] ? 0 : 1), 0);
		frames.push({ centroids: project(result.centroids, data.plane), assign, objective, moved });
		run.onProgress?.({ phase: 'k-means', done: i, total: niter });
		if (moved === 0) break;
	}
	return { points: project(x, data.plane), frames };
}
