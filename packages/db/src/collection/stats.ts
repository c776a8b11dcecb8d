/** What a collection is like: sizes, cells, and whether anything should be done about it. */

import type { Metric } from 'vecino';
import type { LiveStats } from '../segments/contract.ts';
import { pragma } from '../storage/schema.ts';
import type { Core } from './core.ts';

/** Figures of a collection. */
export interface CollectionStats {
	/** Rows, each with a vector. */
	readonly vectors: number;
	/** undefined until the first vector, where none was given. */
	readonly dimension: number | undefined;
	/** How distances are taken. */
	readonly metric: Metric;
	/** Factory string of what searches go through: of the newest model; 'Flat' where all rows are searched exactly. */
	readonly index: string;
	/** Model that made the vectors of texts; undefined where there are none. */
	readonly model: string | undefined;
	/** Rows whose vectors the embedder made of their texts. */
	readonly embedded: number;
	/** Cells of the newest model: how many, and vectors per cell. All 0 where there are none. */
	readonly clusters: {
		readonly n: number;
		readonly mean: number;
		readonly min: number;
		readonly max: number;
		readonly empty: number;
	};
	/** Cells that a query opens where it says nothing; 0 where there are none. */
	readonly nprobe: number;
	/** Rows in index files; those that are not yet are searched exactly. */
	readonly sealed: number;
	/** Rows that are in no index file yet. */
	readonly delta: number;
	/** Rows in index files that are gone. */
	readonly dead: number;
	/** Bytes on disk and in memory. */
	readonly bytes: {
		/** Of the index files, what rows take that there are. */
		readonly live: number;
		/** Of the index files, what rows take that are gone; optimize() gives it back. */
		readonly dead: number;
		/** Everything on disk, the database with originals, metadata and texts included; in memory: what would be. */
		readonly files: number;
		/** Indexes in memory. */
		readonly memory: number;
	};
	/** Mean distance of vectors to the centroids of their cells, over what it was at training: well above 1, new vectors are unlike the old. */
	readonly drift: number | undefined;
	/** Index files. */
	readonly segments: number;
	/** What goes on in the background: 'idle', 'sealing', 'training', 'growing', 'compacting', 'measuring', 'fitting'. */
	readonly background: string;
	/** Why background work failed last; undefined once it has succeeded. Nothing is lost by it, and it is tried again. */
	readonly backgroundError: string | undefined;
}

/** Whether a collection does as well as it can. */
export interface CollectionHealth {
	/** 'optimize': optimize() makes it better; 'failing': background work fails, see `reasons`. */
	readonly verdict: 'ok' | 'optimize' | 'failing';
	/** One sentence for each thing that is not as it should be. */
	readonly reasons: readonly string[];
	/** What was looked at. */
	readonly stats: CollectionStats;
}

const NO_INDEX: LiveStats = {
	sealed: 0,
	delta: 0,
	dead: 0,
	segments: 0,
	indexes: [],
	cells: { nlist: 0, mean: 0, min: 0, max: 0, empty: 0 },
	nprobe: 0,
	memoryBytes: 0,
	fileBytes: 0,
	deadFileBytes: 0,
	drift: undefined,
	background: 'idle',
	backgroundError: undefined,
};

export function statsOf(core: Core): CollectionStats {
	const { settings, store, vectors } = core;
	const live = vectors?.live.stats() ?? NO_INDEX;
	const { nlist, mean, min, max, empty } = live.cells;
	const database = pragma(store.reader.db, 'page_count') * pragma(store.reader.db, 'page_size');
	return {
		vectors: store.counters.rows,
		dimension: settings.dimension,
		metric: settings.metric,
		index: live.indexes.at(-1) ?? 'Flat',
		model: settings.model,
		embedded: store.counters.made,
		clusters: { n: nlist, mean, min, max, empty },
		nprobe: live.nprobe,
		sealed: live.sealed,
		delta: live.delta,
		dead: live.dead,
		bytes: {
			live: live.fileBytes - live.deadFileBytes,
			dead: live.deadFileBytes,
			files: database + live.fileBytes,
			memory: live.memoryBytes,
		},
		drift: live.drift,
		segments: live.segments,
		background: core.refitting === undefined ? live.background : 'fitting',
		backgroundError: live.backgroundError ?? core.refitError,
	};
}

/** Shares from which on optimize() is worth its time. */
const DEAD = 0.3;
const DRIFT = 1.25;
const EMPTY = 0.2;
const IMBALANCE = 20;

export function healthOf(core: Core): CollectionHealth {
	const stats = statsOf(core);
	const { bytes, drift, clusters, backgroundError } = stats;
	const reasons: string[] = [];
	const percent = (part: number): string => `${Math.round(100 * part)} %`;
	const held = bytes.live + bytes.dead;
	if (held > 0 && bytes.dead / held > DEAD) {
		reasons.push(`${percent(bytes.dead / held)} of the index files is rows that are gone; optimize() gives it back`);
	}
	if (drift !== undefined && drift > DRIFT) {
		reasons.push(
			`vectors are ${percent(drift - 1)} further from the centroids than at training; optimize() trains again`,
		);
	}
	if (clusters.n > 0 && clusters.empty / clusters.n > EMPTY) {
		reasons.push(`${clusters.empty} of ${clusters.n} cells are empty; optimize() trains again`);
	}
	if (clusters.n > 0 && clusters.max > IMBALANCE * clusters.mean) {
		reasons.push(
			`the largest cell holds ${clusters.max} vectors, ${Math.round(clusters.max / clusters.mean)} times the mean`,
		);
	}
	const verdict = backgroundError !== undefined ? 'failing' : reasons.length > 0 ? 'optimize' : 'ok';
	if (backgroundError !== undefined) reasons.unshift(`background work fails, and is tried again: ${backgroundError}`);
	return { verdict, reasons, stats };
}
