/**
 * Between the rows of a collection (SQLite, the store of record) and its vector index (segments, made from the rows and
 * always to be made again from them, as long as originals are kept).
 *
 *   delta      rows with rid > sealedUpTo: searched exactly, in memory an IndexFlat
 *   segment    an immutable index file over rows that were sealed together; in memory all segments of a model are one index
 *   model      an index that is trained and empty; segments of one model can be merged without encoding anything again
 *   dead       rids at most sealedUpTo that are in a segment and are no rows any more
 */

/** A segment as the manifest (table `segments`) has it. */
export interface SegmentRecord {
	/** File seg/<name>.vecino. */
	readonly name: string;
	/** The model that it was made with: file seg/<model>.vecino; '' for a flat segment. */
	readonly model: string;
	/** Rows in the file, dead ones counted. */
	readonly rows: number;
	/** Size of the file in bytes, to notice a truncated one. */
	readonly bytes: number;
	/** Row j of the file is the row with this rid; ascending, size `rows`. */
	readonly rids: Float64Array;
}

/** A trained, empty index and what was measured with it. */
export interface ModelRecord {
	readonly name: string;
	/** Factory string. */
	readonly spec: string;
	/** Rows of the collection when it was trained. */
	readonly trainedAt: number;
	readonly bytes: number;
	/** JSON of measurements: the recall table and at how many rows it was measured. */
	readonly measured: string | undefined;
}

/** A change of the manifest: one transaction, the commit point of background work. */
export interface ManifestChange {
	readonly addSegments?: readonly SegmentRecord[];
	readonly removeSegments?: readonly string[];
	readonly addModels?: readonly ModelRecord[];
	readonly removeModels?: readonly string[];
	readonly measured?: { readonly model: string; readonly measured: string };
	/** Rows up to this rid are sealed. */
	readonly sealedUpTo?: number;
	/** Dead rids that no segment holds any more. */
	readonly forgetDead?: Float64Array;
}

/** What the vector index asks of the rows. All of it is synchronous; callers take few rows at a time. */
export interface RowSource {
	readonly d: number;
	/** Rows that there are. */
	count(): number;
	/** The highest rid ever given. */
	lastRid(): number;
	sealedUpTo(): number;
	segments(): SegmentRecord[];
	models(): ModelRecord[];
	/** Ascending. */
	deadRids(): Float64Array;
	/** Vectors of rows with after < rid <= upTo, ascending, at most `limit` of them, decoded; fewer only at the end. */
	vectorsAfter(after: number, upTo: number, limit: number): { rids: Float64Array; vectors: Float32Array };
	/** Vectors of these rids; rows that are gone or whose originals were dropped are NaN. */
	vectorsOf(rids: ArrayLike<number>): Float32Array;
	/** Whether vectors of sealed rows are kept. */
	readonly keepsOriginals: boolean;
	/** What has to end before something can be committed; undefined: nothing. Ask again afterwards, in the tick of the commit. */
	busy?(): Promise<void> | undefined;
	/** Commits, or throws and has changed nothing. */
	commit(change: ManifestChange): void;
}

/** Where segment and model files are: a folder, or memory. */
export interface SegmentFiles {
	/** The path that a builder thread writes to; undefined where files are in memory and bytes are handed over. */
	path(name: string): string | undefined;
	write(name: string, chunks: Iterable<Uint8Array>): Promise<number>;
	read(name: string): Promise<Uint8Array>;
	/** No error when it is not there. */
	remove(name: string): Promise<void>;
	/** Names of all files, temporary and foreign ones left out. */
	list(): Promise<string[]>;
	/** Removes what an interrupted write has left. */
	sweep(): Promise<void>;
}

/** Rids that a filter lets through. */
export interface RidSet {
	/** Ascending, in the first `size` places. Grows at its end only; another change makes another RidSet. */
	readonly rids: Float64Array;
	readonly size: number;
	has(rid: number): boolean;
}

export interface LiveSearchParams {
	readonly filter?: RidSet | undefined;
	/** Wanted recall, 0 < recall <= 1. Default: 0.95 and a margin. */
	readonly recall?: number | undefined;
	readonly nprobe?: number | undefined;
	readonly kFactor?: number | undefined;
}

/** Found rows, nearest first; ties to the lower rid. At most k, fewer where fewer match. */
export interface LiveHits {
	readonly rids: Float64Array;
	/** As the engine's SearchResult has them: squared l2, inner product, cosine similarity. */
	readonly distances: Float32Array;
	/** Whether k were found, or all that match. */
	readonly complete: boolean;
}

export interface LiveStats {
	/** Rows in segments, dead ones left out; rows searched exactly. */
	readonly sealed: number;
	readonly delta: number;
	/** Rows in segment files that are gone. */
	readonly dead: number;
	readonly segments: number;
	/** Factory strings of the models in use, the newest last. */
	readonly indexes: readonly string[];
	/** Cells of the newest model; all 0 where there are none. */
	readonly cells: {
		readonly nlist: number;
		readonly mean: number;
		readonly min: number;
		readonly max: number;
		readonly empty: number;
	};
	/** Cells that a search opens by default; 0 where there are none. */
	readonly nprobe: number;
	/** Bytes of memory; of files, and the part of them that dead rows take. */
	readonly memoryBytes: number;
	readonly fileBytes: number;
	readonly deadFileBytes: number;
	/** Mean distance to centroids now over that at training; undefined where there are no cells. */
	readonly drift: number | undefined;
	/** What goes on in the background: 'idle', 'sealing', 'training', 'growing', 'compacting', 'measuring'. */
	readonly background: string;
	/** The last failure of background work, until it succeeds again. */
	readonly backgroundError: string | undefined;
}
