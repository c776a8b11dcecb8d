/**
 * Operating points that are worth having.
 */

/** What a row costs and gives. */
export interface Point {
	/** Larger is better. */
	readonly recall: number;
	/** Smaller is better. */
	readonly bytes: number;
	/** Smaller is better. */
	readonly ms: number;
}

/** Whether a is at least as good as b everywhere and better somewhere. */
export function dominates(a: Point, b: Point): boolean {
	if (a.recall < b.recall || a.bytes > b.bytes || a.ms > b.ms) return false;
	return a.recall > b.recall || a.bytes < b.bytes || a.ms < b.ms;
}

/** For each point whether no other one dominates it. */
export function paretoFront(points: readonly Point[]): boolean[] {
	return points.map((point) => !points.some((other) => dominates(other, point)));
}
