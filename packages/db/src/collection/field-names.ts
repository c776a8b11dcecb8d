/**
 * The fields of metadata: those of the schema, or, where there is none, those that rows have had, so that a misspelt field in
 * a filter is an error and not an empty answer.
 */

import type { Store } from '../rows/store.ts';
import type { Schema } from '../types.ts';

export class FieldNames {
	readonly #store: Store;
	#schema: Schema | undefined;
	#seen = new Set<string>();
	/** Seen for the first time in the open transaction. */
	#fresh: string[] = [];

	constructor(store: Store, schema: Schema | undefined) {
		this.#store = store;
		this.#schema = schema;
		this.#read();
	}

	get schema(): Schema | undefined {
		return this.#schema;
	}

	get seen(): ReadonlySet<string> {
		return this.#seen;
	}

	/** Within a transaction: notes the fields of a row. */
	note(metadata: object | undefined): void {
		if (this.#schema !== undefined) return;
		for (const name in metadata) {
			if (this.#seen.has(name)) continue;
			this.#seen.add(name);
			this.#fresh.push(name);
			this.#store.writer.sql("INSERT OR IGNORE INTO fields VALUES (?, 'any')").run(name);
		}
	}

	committed(): void {
		this.#fresh.length = 0;
	}

	rolledBack(): void {
		for (const name of this.#fresh.splice(0)) this.#seen.delete(name);
	}

	/** For readers: another process may have written. */
	reload(schema: Schema | undefined): void {
		this.#schema = schema;
		this.#read();
	}

	#read(): void {
		this.#seen = new Set(
			this.#store.reader
				.sql('SELECT name FROM fields')
				.all()
				.map(({ name }) => String(name)),
		);
	}
}
