/** A collection: what `open` gives. */

import type { EntriesInput, WrittenRows } from '../exchange/files.ts';
import type { Schema } from '../types.ts';
import { type ExportOptions, exportRows, type Imported, type ImportOptions, importEntries } from './exchange.ts';
import { Writing } from './writing.ts';

/** Vectors and texts with ids and metadata, in a folder or in memory. Made by `open`. */
export class Collection<S extends Schema | undefined = Schema | undefined>
	extends Writing<S>
	implements AsyncDisposable
{
	/**
	 * Puts the entries of a file into the collection: JSON lines, JSON (MiniVecDB's too), Parquet, or .npy with JSON lines.
	 * Entries that have a text and no vector are embedded. What is committed when it fails stays: the error has `committed`,
	 * the number to `skip` when the import is tried again.
	 *
	 * @throws VecinoError with the line or row: 'corrupt-data', 'not-finite', 'dimension-mismatch', 'duplicate-id';
	 *   'unsupported' naming what the file is where it is none of these; 'storage', 'aborted'.
	 *
	 * @example
	 * const { rows } = await collection.import('rows.jsonl', { mode: 'upsert' });
	 */
	async import(input: EntriesInput, options: ImportOptions = {}): Promise<Imported> {
		this.core.checkWritable('Collection.import');
		return importEntries(this as unknown as Collection<undefined>, input, options);
	}

	/**
	 * Writes the rows, all or those with such metadata, to a .jsonl or .parquet file, or to a folder as vectors.npy and
	 * metadata.jsonl. It has the rows of one moment; writing goes on meanwhile.
	 *
	 * @example
	 * const { rows, byteLength } = await collection.export('rows.parquet');
	 */
	async export(path: string | URL, options: ExportOptions = {}): Promise<WrittenRows> {
		return exportRows(this.core, path, options);
	}

	/** Waits for writes that are under way, stops background work and gives everything back. More than once is no error. */
	async close(): Promise<void> {
		await this.core.close();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close();
	}
}
