/** The part of a collection that goes into files and comes out of them. */

import type { EntriesInput, WrittenRows } from '../exchange/files.ts';
import type { MetadataOf, Schema } from '../types.ts';
import { type ExportOptions, exportRows, type Imported, type ImportOptions, importEntries } from './exchange.ts';
import { Writing } from './writing.ts';

/** Import and export. */
export abstract class Exchanging<S extends Schema | undefined> extends Writing<S> {
	/**
	 * Puts the entries of a file into the collection: JSON lines, JSON (MiniVecDB's too), Parquet, or .npy with JSON lines.
	 * Entries that have a text and no vector are embedded. What is committed when it fails stays: the error has `committed`,
	 * the number to `skip` when the import is tried again.
	 *
	 * @throws VecinoError with the line or row: 'corrupt-data', 'not-finite', 'dimension-mismatch', 'duplicate-id';
	 *   'unsupported' naming what the file is where it is none of these; 'storage', 'aborted'.
	 *
	 * @example
	 * await writeRows('rows.jsonl', [{ id: 1, vector: [0.6, 0.8], metadata: { genre: 'Sports' } }]);
	 * const collection = await open(':memory:');
	 * const { rows } = await collection.import('rows.jsonl', { mode: 'upsert' });
	 * console.log(rows); // 1
	 * await collection.close();
	 */
	async import(input: EntriesInput, options: ImportOptions = {}): Promise<Imported> {
		this.core.checkWritable('Collection.import');
		return importEntries(this as unknown as Writing<undefined>, input, options);
	}

	/**
	 * Writes the rows, all or those with such metadata, to a .jsonl or .parquet file, or to a folder as vectors.npy and
	 * metadata.jsonl. It has the rows of one moment; writing goes on meanwhile.
	 *
	 * @throws VecinoError 'unsupported' for a name that says no format, 'unknown-field' for a field that is none, 'storage',
	 *   'aborted'. What was there before stays then.
	 *
	 * @example
	 * const collection = await open(':memory:');
	 * await collection.add({ id: 1, vector: [0.6, 0.8], metadata: { genre: 'Sports' } });
	 * const { rows } = await collection.export('sports.parquet', { where: { genre: 'Sports' } });
	 * console.log(rows); // 1
	 * await collection.close();
	 */
	async export(path: string | URL, options: ExportOptions<MetadataOf<S>> = {}): Promise<WrittenRows> {
		return exportRows(this.core, path, options);
	}
}
