/** A store of record for benchmarks of the index of collections: vectors in one array, the manifest in memory. */

import type { ManifestChange, ModelRecord, RowSource, SegmentRecord } from '../../packages/db/src/segments/contract.ts';
import type { VectorSet } from '../../packages/vecino/src/index.ts';

/** Row i of a set of vectors, over and over, has rid i + 1. */
export class ArrayRows implements RowSource {
	readonly d: number;
	readonly keepsOriginals = true;
	readonly #base: VectorSet;
	#n = 0;
	#dead = new Set<number>();
	#sealedUpTo = 0;
	#segments = new Map<string, SegmentRecord>();
	#models = new Map<string, ModelRecord>();

	constructor(base: VectorSet) {
		this.#base = base;
		this.d = base.d;
	}

	/** The next n rows, which are there from now on. */
	next(n: number): { rids: Float64Array; vectors: Float32Array } {
		const first = this.#n + 1;
		this.#n += n;
		const rids = Float64Array.from({ length: n }, (_, i) => first + i);
		return { rids, vectors: this.#vectors(rids) };
	}

	delete(rids: ArrayLike<number>): void {
		for (let i = 0; i < rids.length; i++) this.#dead.add(rids[i]!);
	}

	isDead(rid: number): boolean {
		return this.#dead.has(rid);
	}

	/** Dead rows that a segment holds. */
	get deadSize(): number {
		return this.#dead.size;
	}

	#vectors(rids: ArrayLike<number>): Float32Array {
		const { d } = this;
		const out = new Float32Array(rids.length * d);
		for (let i = 0; i < rids.length; i++) {
			if (this.#dead.has(rids[i]!)) out.fill(Number.NaN, i * d, (i + 1) * d);
			else out.set(this.#base.row((rids[i]! - 1) % this.#base.n), i * d);
		}
		return out;
	}

	count(): number {
		return this.#n;
	}

	lastRid(): number {
		return this.#n;
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
		return Float64Array.from(this.#dead).sort();
	}

	vectorsAfter(after: number, upTo: number, limit: number): { rids: Float64Array; vectors: Float32Array } {
		const rids: number[] = [];
		for (let rid = after + 1; rid <= upTo && rids.length < limit; rid++) if (!this.#dead.has(rid)) rids.push(rid);
		return { rids: Float64Array.from(rids), vectors: this.#vectors(rids) };
	}

	vectorsOf(rids: ArrayLike<number>): Float32Array {
		return this.#vectors(rids);
	}

	commit(change: ManifestChange): void {
		for (const name of change.removeSegments ?? []) this.#segments.delete(name);
		for (const name of change.removeModels ?? []) this.#models.delete(name);
		for (const segment of change.addSegments ?? []) this.#segments.set(segment.name, segment);
		for (const model of change.addModels ?? []) this.#models.set(model.name, model);
		const known = change.measured && this.#models.get(change.measured.model);
		if (known !== undefined) this.#models.set(known.name, { ...known, measured: change.measured!.measured });
		this.#sealedUpTo = change.sealedUpTo ?? this.#sealedUpTo;
		for (const rid of change.forgetDead ?? []) this.#dead.delete(rid);
	}
}
