/** A RowSource over a Map, as the store of record of tests; and the truth, by brute force. */

import { type Metric, normalize, VecinoError } from 'vecino';
import type { ManifestChange, ModelRecord, RidSet, RowSource, SegmentRecord } from '../../src/segments/contract.ts';

export class MemoryRows implements RowSource {
	readonly d: number;
	readonly keepsOriginals: boolean;
	/** Vectors by rid, ascending. */
	readonly vectors = new Map<number, Float32Array>();
	/** Rids that are rows. */
	readonly alive = new Set<number>();
	readonly dead = new Set<number>();
	#lastRid = 0;
	#sealedUpTo = 0;
	#segments = new Map<string, SegmentRecord>();
	#models = new Map<string, ModelRecord>();
	/** Called before a commit; throws to make it fail. */
	onCommit: ((change: ManifestChange) => void) | undefined;

	constructor(d: number, keepsOriginals = true) {
		this.d = d;
		this.keepsOriginals = keepsOriginals;
	}

	/** New rows; their rids. */
	insert(x: Float32Array): Float64Array {
		const rids = new Float64Array(x.length / this.d);
		for (let i = 0; i < rids.length; i++) {
			const rid = ++this.#lastRid;
			rids[i] = rid;
			this.vectors.set(rid, x.slice(i * this.d, (i + 1) * this.d));
			this.alive.add(rid);
		}
		return rids;
	}

	delete(rids: Iterable<number>): void {
		for (const rid of rids) {
			if (!this.alive.delete(rid)) continue;
			this.vectors.delete(rid);
			this.dead.add(rid);
		}
	}

	count(): number {
		return this.alive.size;
	}

	lastRid(): number {
		return this.#lastRid;
	}

	sealedUpTo(): number {
		return this.#sealedUpTo;
	}

	segments(): SegmentRecord[] {
		return [...this.#segments.values()];
	}

	models(): ModelRecord[] {
		return [...this.#models.values()];
	}

	deadRids(): Float64Array {
		return Float64Array.from(this.dead).sort();
	}

	vectorsAfter(after: number, upTo: number, limit: number): { rids: Float64Array; vectors: Float32Array } {
		const rids: number[] = [];
		for (let rid = after + 1; rid <= upTo && rids.length < limit; rid++) if (this.vectors.has(rid)) rids.push(rid);
		return { rids: Float64Array.from(rids), vectors: this.vectorsOf(rids) };
	}

	vectorsOf(rids: ArrayLike<number>): Float32Array {
		const out = new Float32Array(rids.length * this.d).fill(Number.NaN);
		for (let i = 0; i < rids.length; i++) {
			const vector = this.vectors.get(rids[i]!);
			if (vector !== undefined) out.set(vector, i * this.d);
		}
		return out;
	}

	commit(change: ManifestChange): void {
		this.onCommit?.(change);
		for (const { name } of change.addSegments ?? []) if (this.#segments.has(name)) throw duplicate(name);
		for (const { name } of change.addModels ?? []) if (this.#models.has(name)) throw duplicate(name);
		for (const name of change.removeSegments ?? []) this.#segments.delete(name);
		for (const name of change.removeModels ?? []) this.#models.delete(name);
		for (const segment of change.addSegments ?? []) this.#segments.set(segment.name, segment);
		for (const model of change.addModels ?? []) this.#models.set(model.name, model);
		if (change.measured !== undefined) {
			const { model, measured } = change.measured;
			const known = this.#models.get(model);
			if (known !== undefined) this.#models.set(model, { ...known, measured });
		}
		if (change.sealedUpTo !== undefined) this.#sealedUpTo = change.sealedUpTo;
		for (const rid of change.forgetDead ?? []) this.dead.delete(rid);
		if (!this.keepsOriginals) {
			for (const rid of this.vectors.keys()) if (rid <= this.#sealedUpTo) this.vectors.delete(rid);
		}
	}
}

function duplicate(name: string): VecinoError {
	return new VecinoError('storage', `${name} is in the manifest already`);
}

export class GrowingSet implements RidSet {
	rids = new Float64Array(16);
	size = 0;
	readonly #set = new Set<number>();

	constructor(rids: Iterable<number>) {
		for (const rid of rids) this.push(rid);
	}

	push(rid: number): void {
		if (this.size === this.rids.length) {
			const grown = new Float64Array(2 * this.size);
			grown.set(this.rids);
			this.rids = grown;
		}
		this.rids[this.size++] = rid;
		this.#set.add(rid);
	}

	has(rid: number): boolean {
		return this.#set.has(rid);
	}
}

/** The k nearest rids by brute force, distances in float64. */
export function nearest(
	vectors: Iterable<readonly [number, Float32Array]>,
	q: Float32Array,
	k: number,
	metric: Metric,
): { rid: number; distance: number }[] {
	const unit = metric === 'cosine';
	const query = unit ? normalize(q) : q;
	const all: { rid: number; distance: number }[] = [];
	for (const [rid, vector] of vectors) {
		const x = unit ? normalize(vector) : vector;
		let sum = 0;
		for (let t = 0; t < q.length; t++) sum += metric === 'l2' ? (query[t]! - x[t]!) ** 2 : query[t]! * x[t]!;
		all.push({ rid, distance: sum });
	}
	all.sort((a, b) => (metric === 'l2' ? a.distance - b.distance : b.distance - a.distance) || a.rid - b.rid);
	return all.slice(0, k);
}

/** Rows in clusters, seeded. */
export function clustered(n: number, d: number, seed = 1): Float32Array {
	let state = seed >>> 0;
	const random = (): number => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return state / 2 ** 32;
	};
	const normal = (): number => random() + random() + random() + random() - 2;
	// The same centres whatever the seed.
	let mixed = 12_345;
	const centres = Float32Array.from({ length: 24 * d }, () => {
		mixed = (Math.imul(mixed, 1_664_525) + 1_013_904_223) >>> 0;
		return (mixed / 2 ** 32 - 0.5) * 4;
	});
	const out = new Float32Array(n * d);
	for (let i = 0; i < n; i++) {
		const centre = Math.floor(random() * 24) * d;
		for (let t = 0; t < d; t++) out[i * d + t] = centres[centre + t]! + normal() * 0.7;
	}
	return out;
}
