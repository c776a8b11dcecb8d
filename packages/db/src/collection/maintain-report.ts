/** What maintenance says: problems, what was looked at, and what the checks share. */

import type { Engine } from 'vecino';
import type { Store } from '../rows/store.ts';
import type { SegmentFiles } from '../segments/contract.ts';
import type { Settings } from './options.ts';

/** What can be wrong. */
export type ProblemKind =
	/** No meta.db, no SQLite database in it, or that of another program. */
	| 'no-collection'
	/** Made by a newer version of @vecino/db. */
	| 'newer-version'
	/** SQLite finds pages or tables damaged or missing. */
	| 'damaged-database'
	/** Settings that make no sense. */
	| 'bad-settings'
	/** An index of SQLite does not agree with its table, or is missing. */
	| 'bad-index'
	/** Counters do not agree with the rows. */
	| 'bad-counter'
	/** Metadata that is not JSON, or does not fit the schema. */
	| 'bad-metadata'
	/** A row has no vector, or one of another size; a vector has no row. */
	| 'missing-vector'
	| 'bad-vector'
	| 'orphan-vector'
	/** The words of texts are not those that can be searched. */
	| 'bad-words'
	/** The values of array fields are not those that filters find. */
	| 'bad-values'
	/** An index file is missing, has another size, or is damaged. */
	| 'bad-segment'
	/** The manifest names rows that never were, names one twice, or leaves one out. */
	| 'bad-manifest'
	/** Files or tables that nothing needs. */
	| 'leftover';

/** Something that is wrong. */
export interface Problem {
	/** Which sort of damage. */
	readonly kind: ProblemKind;
	/** What was found, and where. */
	readonly what: string;
	/** Whether `repair` can do it. */
	readonly repairable: boolean;
	/** What to do. */
	readonly how: string;
}

/** What was looked at. */
export interface Checked {
	/** Rows of the collection. */
	rows: number;
	/** Rows whose vectors are kept. */
	vectors: number;
	/** Rows with a text. */
	texts: number;
	/** Values of array fields. */
	values: number;
	/** Index files, models included. */
	files: number;
	/** Bytes of them. */
	fileBytes: number;
}

/** What `verify` found. */
export interface VerifyReport {
	/** Nothing is wrong. */
	readonly ok: boolean;
	/** One for each thing that is wrong. */
	readonly problems: readonly Problem[];
	/** What was looked at. */
	readonly checked: Readonly<Checked>;
}

/** Options of all maintenance. */
export interface MaintainOptions {
	/** Stops it; what was done stays. */
	readonly signal?: AbortSignal | undefined;
	/** Called as the work goes on. */
	readonly onProgress?:
		| ((progress: { readonly phase: string; readonly done: number; readonly total: number }) => void)
		| undefined;
}

/** Options of `Collection.verify`. */
export interface VerifyOptions extends MaintainOptions {
	/** Leaves out what takes long: indexes of SQLite against their tables, the contents of index files. Default: false. */
	readonly quick?: boolean | undefined;
}

/** What the checks share. */
export interface Inspection {
	readonly store: Store;
	readonly settings: Settings;
	readonly files: SegmentFiles;
	/** Files in the folder of index files, foreign and temporary ones included. */
	readonly fileNames: readonly string[];
	readonly engine: Engine;
	readonly quick: boolean;
	/** Whether a writer may be at work: what looks left over may be its. */
	readonly live: boolean;
	readonly checked: Checked;
	readonly found: (kind: ProblemKind, what: string, repairable: boolean, how?: string) => void;
	/** Lets the event loop turn now and then. */
	readonly pause: (phase: string, done: number, total: number) => Promise<void>;
}

const REPAIR = 'Close the collection and call repair()';
const RESTORE = 'restore() a snapshot, or import the rows anew';

/** Gathers what is found. */
export class Report {
	readonly problems: Problem[] = [];
	readonly checked: Checked = { rows: 0, vectors: 0, texts: 0, values: 0, files: 0, fileBytes: 0 };

	add(kind: ProblemKind, what: string, repairable: boolean, how?: string): void {
		this.problems.push({ kind, what, repairable, how: how ?? (repairable ? REPAIR : RESTORE) });
	}

	done(): VerifyReport {
		return { ok: this.problems.length === 0, problems: this.problems, checked: this.checked };
	}
}
