/**
 * The rows of a collection: what is read of them, for queries and for the vector index. Writing is in writer.ts.
 */

import { VecinoError } from 'vecino';
import type { ManifestChange, ModelRecord, RowSource, SegmentRecord } from '../segments/contract.ts';
import type { SqlRow } from '../storage/driver.ts';
import type { Id } from '../types.ts';
import { type Originals, type VectorCodec, vectorCodec } from './encode.ts';
import { Manifest } from './manifest.ts';
import type { Store } from './store.ts';

/** A row without its vector. */
export interface Doc {
	readonly rid: number;
	readonly id: Id;
	/** JSON. */
	readonly meta: string | null;
	readonly text: string | null;
}

/** Integers are bound as such: the drivers bind numbers as floating point, and both would be kept. */
export function idValue(id: Id): string | bigint {
	return typeof id === 'string' ? id : BigInt(id);
}

export class Rows implements RowSource {
	readonly d: number;
	readonly originals: Originals;
	readonly keepsOriginals: boolean;
	readonly codec: VectorCodec;
	readonly #store: Store;
	readonly #manifest: Manifest;
	#retired = false;

	constructor(store: Store, d: number, originals: Originals) {
		this.#store = store;
		this.#manifest = new Manifest(store);
		this.d = d;
		this.originals = originals;
		this.keepsOriginals = originals !== 'none';
		this.codec = vectorCodec(originals, d);
	}

	count(): number {
		return this.#store.counters.rows;
	}

	lastRid(): number {
		return this.#store.counters.lastRid;
	}

	sealedUpTo(): number {
		return this.#store.counters.sealedUpTo;
	}

	segments(): SegmentRecord[] {
		return this.#manifest.segments();
	}

	models(): ModelRecord[] {
		return this.#manifest.models();
	}

	deadRids(): Float64Array {
		return this.#manifest.deadRids();
	}

	vectorsAfter(after: number, upTo: number, limit: number): { rids: Float64Array; vectors: Float32Array } {
		const rows = this.#store.reader
			.sql('SELECT rid, vec FROM vectors WHERE rid > ? AND rid <= ? ORDER BY rid LIMIT ?')
			.all(after, upTo, limit);
		const rids = new Float64Array(rows.length);
		const vectors = new Float32Array(rows.length * this.d);
		for (let j = 0; j < rows.length; j++) {
			const row = rows[j]!;
			rids[j] = row['rid'] as number;
			this.codec.decode(row['vec'] as Uint8Array, vectors, j * this.d);
		}
		return { rids, vectors };
	}

	vectorsOf(rids: ArrayLike<number>): Float32Array {
		const vectors = new Float32Array(rids.length * this.d);
		const statement = this.#store.reader.sql('SELECT vec FROM vectors WHERE rid = ?');
		for (let j = 0; j < rids.length; j++) {
			const vec = statement.get(rids[j]!)?.['vec'] as Uint8Array | undefined;
			if (vec === undefined) vectors.fill(NaN, j * this.d, (j + 1) * this.d);
			else this.codec.decode(vec, vectors, j * this.d);
		}
		return vectors;
	}

	/** Whether other vectors have taken the place of those that the index was made of. */
	get isRetired(): boolean {
		return this.#retired;
	}

	/** From now on nothing is committed through here. */
	retire(): void {
		this.#retired = true;
	}

	busy(): Promise<void> | undefined {
		return this.#store.busy();
	}

	commit(change: ManifestChange): void {
		if (this.#retired) throw new VecinoError('aborted', 'Rows.commit: the vectors were replaced; nothing was changed');
		this.#store.transaction(() => this.#manifest.write(change, !this.keepsOriginals));
	}
}

/** Reads documents: by rid, by id, or in the order of ids. */
export class Docs {
	readonly #store: Store;

	constructor(store: Store) {
		this.#store = store;
	}

	ofRid(rid: number): Doc | undefined {
		return toDoc(this.#store.reader.sql('SELECT rid, id, meta, text FROM docs WHERE rid = ?').get(rid));
	}

	ofId(id: Id): Doc | undefined {
		return toDoc(this.#store.reader.sql('SELECT rid, id, meta, text FROM docs WHERE id = ?').get(idValue(id)));
	}

	ridOf(id: Id): number | undefined {
		return this.#store.reader.sql('SELECT rid FROM docs WHERE id = ?').get(idValue(id))?.['rid'] as number | undefined;
	}

	/** Rids whose metadata was changed in place after a version. */
	touchedSince(ver: number): number[] {
		const rows = this.#store.reader.sql('SELECT rid FROM touched WHERE ver > ?').all(ver);
		return rows.map(({ rid }) => rid as number);
	}

	/** Texts that the embedder made vectors of: of rows with rid > after, at most `limit`. */
	madeAfter(after: number, limit: number): { readonly rid: number; readonly text: string }[] {
		return this.#store.reader
			.sql('SELECT rid, text FROM docs WHERE rid > ? AND made = 1 ORDER BY rid LIMIT ?')
			.all(after, limit) as { rid: number; text: string }[];
	}
}

function toDoc(row: SqlRow | undefined): Doc | undefined {
	return row as unknown as Doc | undefined;
}
