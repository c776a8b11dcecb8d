/** recall@k with ties counted: a row as near as the k-th true neighbour is as good as it. */
import { type Interval, innerProduct, meanInterval, squaredL2 } from '../../packages/vecino/src/index.ts';
import type { BenchSet } from './sets.ts';

/** Distances are compared with this much room, relative: both sides round. */
const ROOM = 1e-6;

export interface Judge {
	/** Mean and 95 % interval of recall@k over the queries that there are labels for, layout (nq, k). */
	recall(labels: ArrayLike<number>): Interval;
}

export function makeJudge({ base, queries, truth, metric }: BenchSet, k: number): Judge {
	/** Smaller is nearer. */
	const distance = (query: number, row: number): number =>
		metric === 'l2' ? squaredL2(queries.row(query), base.row(row)) : -innerProduct(queries.row(query), base.row(row));
	const width = Math.min(k, truth.k, base.n);
	/** Distance of the k-th true neighbour, size queries.n. */
	const limits = Float64Array.from({ length: queries.n }, (_, i) => {
		const last = distance(i, truth.labels[i * truth.k + width - 1]!);
		return last + ROOM * Math.abs(last);
	});
	return {
		recall(labels) {
			const nq = Math.floor(labels.length / k);
			const shares = new Float64Array(nq);
			for (let i = 0; i < nq; i++) {
				const found = new Set<number>();
				for (let j = 0; j < k; j++) {
					const label = labels[i * k + j]!;
					if (label >= 0 && distance(i, label) <= limits[i]!) found.add(label);
				}
				shares[i] = Math.min(found.size, width) / width;
			}
			return meanInterval(shares);
		},
	};
}
