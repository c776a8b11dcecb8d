/** The manifest in SQLite: which segments and models there are, and which rids are dead. */

import type { ManifestChange, ModelRecord, SegmentRecord } from '../segments/contract.ts';
import { decodeRids, encodeRids } from './encode.ts';
import type { Store } from './store.ts';

export class Manifest {
	readonly #store: Store;
	#segments: { readonly epoch: number; readonly records: SegmentRecord[] } | undefined;

	constructor(store: Store) {
		this.#store = store;
	}

	segments(): SegmentRecord[] {
		const { epoch } = this.#store.counters;
		if (this.#segments?.epoch !== epoch) {
			const rows = this.#store.reader.sql('SELECT name, model, rows, bytes, rids FROM segments ORDER BY rowid').all();
			const records = rows.map((row) => ({
				name: String(row['name']),
				model: String(row['model']),
				rows: Number(row['rows']),
				bytes: Number(row['bytes']),
				rids: decodeRids(row['rids'] as Uint8Array, Number(row['rows'])),
			}));
			this.#segments = { epoch, records };
		}
		return [...this.#segments!.records];
	}

	models(): ModelRecord[] {
		const rows = this.#store.reader
			.sql('SELECT name, spec, trained_at, bytes, measured FROM models ORDER BY rowid')
			.all();
		return rows.map((row) => ({
			name: String(row['name']),
			spec: String(row['spec']),
			trainedAt: Number(row['trained_at']),
			bytes: Number(row['bytes']),
			measured: row['measured'] === null ? undefined : String(row['measured']),
		}));
	}

	deadRids(): Float64Array {
		return Float64Array.from(this.#store.reader.sql('SELECT rid FROM dead ORDER BY rid').all(), ({ rid }) =>
			Number(rid),
		);
	}

	/** Writes a change; within a transaction. */
	write(change: ManifestChange, dropsOriginals: boolean): void {
		const { writer, draft } = this.#store;
		for (const name of change.removeSegments ?? []) writer.sql('DELETE FROM segments WHERE name = ?').run(name);
		for (const name of change.removeModels ?? []) writer.sql('DELETE FROM models WHERE name = ?').run(name);
		for (const { name, spec, trainedAt, bytes, measured } of change.addModels ?? []) {
			writer.sql('INSERT INTO models VALUES (?, ?, ?, ?, ?)').run(name, spec, trainedAt, bytes, measured ?? null);
		}
		for (const { name, model, rows, bytes, rids } of change.addSegments ?? []) {
			writer.sql('INSERT INTO segments VALUES (?, ?, ?, ?, ?)').run(name, model, rows, bytes, encodeRids(rids));
		}
		if (change.measured !== undefined) {
			const { model, measured } = change.measured;
			writer.sql('UPDATE models SET measured = ? WHERE name = ?').run(measured, model);
		}
		for (const rid of change.forgetDead ?? []) writer.sql('DELETE FROM dead WHERE rid = ?').run(rid);
		if (change.sealedUpTo !== undefined) {
			if (dropsOriginals) writer.sql('DELETE FROM vectors WHERE rid <= ?').run(change.sealedUpTo);
			draft.sealedUpTo = change.sealedUpTo;
		}
		draft.epoch++;
	}
}
