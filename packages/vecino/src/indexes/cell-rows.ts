/**
 * Which vectors the lists of an index with cells hold: how many, under which labels, and how some or all of them go.
 * How they come: ivf-change.ts.
 */

import { LabelBitmap } from '../invlists/label-bitmap.ts';
import type { TrainedCells } from './ivf-cells.ts';

export class CellRows implements Disposable {
	readonly cells: TrainedCells;
	ntotal = 0;
	/** Labels are below it. */
	labelEnd = 0;
	/** Labels that are in the index, where some are not: made when it is first needed. */
	present: LabelBitmap | undefined;

	constructor(cells: TrainedCells) {
		this.cells = cells;
	}

	has(label: number): boolean {
		return label < this.labelEnd && (this.known()?.has(label) ?? true);
	}

	/** Labels that are in the index, undefined when all below labelEnd are. */
	known(): LabelBitmap | undefined {
		if (this.ntotal === this.labelEnd) return undefined;
		if (this.present === undefined) {
			this.present = new LabelBitmap(this.cells.engine.arena, this.labelEnd);
			for (const label of this.labels()) this.present.set(label);
		}
		return this.present;
	}

	/** Labels list by list. */
	*labels(): Generator<number> {
		const { engine, lists, nlist } = this.cells;
		for (let listNo = 0; listNo < nlist; listNo++) {
			const { ids, n } = lists.list(listNo);
			for (let i = 0; i < n; i++) yield engine.arena.u32[(ids >>> 2) + i]!;
		}
	}

	/** From now on labels can go one by one. */
	prepareRemoval(): void {
		const { engine, lists } = this.cells;
		lists.locate();
		this.present ??= this.known() ?? new LabelBitmap(engine.arena, this.labelEnd, true);
	}

	/** Takes a label out, if it is there; prepareRemoval goes before. */
	remove(label: number): void {
		const { lists, spread } = this.cells;
		const listNo = lists.remove(label);
		if (listNo === undefined) return;
		lists.tighten(listNo);
		this.present!.clear(label);
		spread?.drop(1);
		this.ntotal--;
		this.cells.changed();
	}

	/** Labels from n on go. */
	truncate(n: number): void {
		const { lists, spread } = this.cells;
		lists.truncate(n);
		this.present?.truncate(n);
		spread?.truncate(n, this.labelEnd);
		this.ntotal = lists.ntotal;
		this.labelEnd = n;
		this.cells.changed();
	}

	/** All vectors go; cells stay. */
	clear(): void {
		const { cells } = this;
		if (cells.isTrained) cells.lists.clear();
		cells.spread?.truncate(0, this.labelEnd);
		this.forget();
		this.ntotal = 0;
		this.labelEnd = 0;
		cells.changed();
	}

	/** Gives back memory that no vector needs. */
	shrink(): void {
		const { cells } = this;
		if (cells.isTrained) cells.lists.shrink();
		this.forget();
		cells.changed();
	}

	/** Counts vectors that a reader has put into the lists; its last step. */
	setTotal(ntotal: number, labelEnd: number = ntotal): void {
		this.ntotal = ntotal;
		this.labelEnd = labelEnd;
		this.cells.makeRanker();
	}

	/** Resident bytes by what they are for, those of the cells as well. */
	bytes(): Record<string, number> {
		const { cells, present } = this;
		if (!cells.isTrained) return cells.codec.bytes();
		const live = present && { live: present.byteLength };
		return { ...cells.lists.bytes(), ...live, centroids: cells.centroidBytes, ...cells.codec.bytes() };
	}

	/** Which labels are there is looked up again when it is needed. */
	forget(): void {
		this.present?.[Symbol.dispose]();
		this.present = undefined;
	}

	[Symbol.dispose](): void {
		this.forget();
	}
}
