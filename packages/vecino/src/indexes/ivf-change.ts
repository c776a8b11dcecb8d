/**
 * Changes to an index with cells: vectors that come or are put in place of others, and cells that move.
 * Vectors that go: cell-rows.ts.
 */

import type { VectorSet } from '../core/vectors.ts';
import { appendLists } from '../invlists/transfer.ts';
import { type Steps, within } from '../util/steps.ts';
import type { RetrainOptions, StagedRows } from './base.ts';
import type { CellRows } from './cell-rows.ts';
import type { CellMeasures, RowSource } from './health.ts';
import { codeErrorOf } from './held-rows.ts';
import { addToLists, type FilledLists, stageForLists } from './ivf-add.ts';
import { trainCells, trainingRows } from './ivf-train.ts';
import { type RebalanceOptions, type RebalanceReport, rebalanceCells } from './rebalance.ts';
import { OrderedRows } from './retrain.ts';
import { meanRow } from './terms.ts';

function filledLists({ cells, labelEnd }: CellRows): FilledLists {
	return { ...cells.held, labelEnd, centre: cells.centre() };
}

/** Adds n vectors under the labels that follow; all of them or, when it is ended before, none. */
export function* addRows(rows: CellRows, x: VectorSet): Steps<void> {
	if (x.n === 0) return;
	const { cells, labelEnd: before } = rows;
	let done = false;
	rows.present?.grow(before + x.n);
	try {
		const off = yield* addToLists(filledLists(rows), x);
		cells.spread?.add(x.n, off, before);
		done = true;
	} finally {
		if (!done) rows.present?.truncate(before);
	}
	rows.ntotal += x.n;
	rows.labelEnd += x.n;
	rows.present?.setRange(before, rows.labelEnd);
	cells.changed();
}

/** Encodes vectors that are to be under labels given out before; what it returns puts them there. */
export function* stageRows(rows: CellRows, x: VectorSet, labels: Uint32Array): Steps<StagedRows> {
	const { cells } = rows;
	const staged = yield* stageForLists(filledLists(rows), x, labels);
	const commit = (): void => {
		const before = rows.ntotal;
		for (const label of labels) {
			if (cells.lists.find(label) === undefined) rows.ntotal++;
			rows.present?.set(label);
		}
		cells.spread?.drop(labels.length - (rows.ntotal - before));
		cells.spread?.add(labels.length, staged.off, rows.labelEnd);
		staged.commit();
		cells.changed();
	};
	return { commit, [Symbol.dispose]: () => staged[Symbol.dispose]() };
}

/** Adds the vectors of others with the same cells, labels behind those that are here. */
export function* mergeRows(rows: CellRows, other: CellRows): Steps<void> {
	const { cells } = rows;
	yield* appendLists(other.cells.held, cells.held, rows.labelEnd);
	const { spread } = other.cells;
	if (spread !== undefined) cells.spread?.add(spread.now.n, spread.now.sum, rows.labelEnd);
	rows.ntotal += other.ntotal;
	rows.labelEnd += other.labelEnd;
	rows.forget();
	cells.changed();
}

/** What the health of the index is told by (indexes/health.ts). */
export function measureRows({ cells, ntotal }: CellRows, exact: RowSource | undefined): CellMeasures {
	const { lists, nlist, byResidual, spread } = cells;
	return {
		sizes: Uint32Array.from({ length: nlist }, (_, listNo) => lists.listSize(listNo)),
		spread: spread?.now,
		codeError: exact && ntotal > 0 ? codeErrorOf(cells.held, exact) : undefined,
		hasExact: exact !== undefined || !byResidual,
	};
}

/** Moves centroids to where vectors are, and vectors to their cells (indexes/rebalance.ts). */
export function* rebalanceRows(
	{ cells }: CellRows,
	options: RebalanceOptions,
	exact: RowSource | undefined,
): Steps<RebalanceReport> {
	const centre = cells.centre();
	const fixed = cells.fixedCentre ?? meanRow(cells.readCentroids(), cells.d);
	let moved = false;
	const onMoved = (change: number): void => {
		moved = true;
		cells.spread?.move(change);
		if (cells.hasTerms || cells.codec.learnCells !== undefined) cells.fixedCentre = fixed;
	};
	try {
		const report = yield* rebalanceCells({ ...cells.held, centre, onMoved }, options, exact);
		if (moved && cells.graph !== undefined) yield* cells.newGraph();
		return report;
	} finally {
		if (moved) cells.makeRanker();
	}
}

/**
 * Trains cells anew and codes all vectors again, labels as they were.
 *
 * @param fresh - Of an index alike with nothing in it; gets what was here.
 * @param x - Vectors to train on. Default: a sample of those in the index.
 */
export function* retrainRows(
	rows: CellRows,
	fresh: CellRows,
	coarse: 'flat' | 'hnsw',
	x: VectorSet | undefined,
	options: RetrainOptions,
	exact: RowSource | undefined,
): Steps<void> {
	const { cells } = rows;
	const { sample: _sample, source: _source, nlist = cells.nlist, ...train } = options;
	fresh.cells.nlist = nlist;
	const ordered = new OrderedRows(cells.held, rows.labelEnd, exact);
	const seed = ((options.seed ?? 1234) + 5) >>> 0;
	const seen = x ?? (yield* ordered.sample(trainingRows(fresh.cells, train), seed));
	yield* trainCells(fresh.cells, coarse, seen, train);
	for (const part of ordered.parts()) yield* within(addRows(fresh, part), fresh.ntotal, rows.ntotal);
	fresh.cells.lists.relabel(ordered.labels);
	cells.exchange(fresh.cells);
}
