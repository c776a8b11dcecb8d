/** Where the query is at the start: at a vector with some room around it, so that its neighbours do not lie under it. */

import type { DataInfo, QueryPlace } from '../protocol.ts';
import { Random } from './random.ts';

type Shown = Pick<DataInfo, 'n' | 'shown' | 'points'>;

/** The place of the i-th vector drawn. */
export function placeOf(data: Shown, i: number): QueryPlace {
	return { row: data.shown[i]!, x: data.points[2 * i]!, y: data.points[2 * i + 1]! };
}

/** Vectors drawn by lot, of which one of the loneliest is taken, not the very loneliest. */
const CANDIDATES = 40;
const TAKEN = 2;

export function firstPlace(data: Shown): QueryPlace {
	const random = new Random(data.n);
	const { points } = data;
	const candidates = Array.from({ length: CANDIDATES }, () => placeOf(data, random.below(data.shown.length)));
	const rooms = candidates.map((place) => {
		const distances = new Float32Array(points.length / 2);
		for (let j = 0; j < distances.length; j++) {
			distances[j] = (points[2 * j]! - place.x) ** 2 + (points[2 * j + 1]! - place.y) ** 2;
		}
		return { place, room: distances.sort()[Math.min(10, distances.length - 1)]! };
	});
	return rooms.sort((a, b) => b.room - a.room)[TAKEN]!.place;
}
