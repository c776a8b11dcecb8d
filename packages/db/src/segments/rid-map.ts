/**
 * Labels of an index and the rids of the rows behind them: label -> rid is a look-up in an array, rid -> label a binary
 * search in each run of ascending rids that may have it. Runs come of rows that were put in together; what follows on the
 * last run prolongs it. 8 bytes a label, dead ones counted.
 */

/** Labels of consecutive rows whose rids ascend. */
interface Run {
	readonly start: number;
	end: number;
	readonly first: number;
	last: number;
}

/** Which rid each label of an index stands for. */
export class RidMap {
	/** Size >= n; rids by label. */
	#rids = new Float64Array(64);
	#n = 0;
	#runs: Run[] = [];

	/** Labels that there are. */
	get n(): number {
		return this.#n;
	}

	get byteLength(): number {
		return this.#rids.byteLength;
	}

	/** Rids by label, size n, until more are appended. */
	get rids(): Float64Array {
		return this.#rids.subarray(0, this.#n);
	}

	/** Gives labels from n on to these rids, ascending. */
	append(rids: ArrayLike<number>): void {
		const { length } = rids;
		if (length === 0) return;
		const start = this.#n;
		this.#reserve(start + length);
		this.#rids.set(rids, start);
		this.#n += length;
		const [first, last] = [rids[0]!, rids[length - 1]!];
		const before = this.#runs.at(-1);
		if (before !== undefined && before.last < first) {
			before.end = this.#n;
			before.last = last;
		} else {
			this.#runs.push({ start, end: this.#n, first, last });
		}
	}

	/** The highest label of a rid, -1 where it has none. */
	labelOf(rid: number): number {
		for (let i = this.#runs.length - 1; i >= 0; i--) {
			const run = this.#runs[i]!;
			if (rid < run.first || rid > run.last) continue;
			const label = lowerBound(this.#rids, rid, run.start, run.end);
			if (label < run.end && this.#rids[label] === rid) return label;
		}
		return -1;
	}

	ridOf(label: number): number {
		return this.#rids[label]!;
	}

	/**
	 * Sets the bit of each label from `fromLabel` on whose rid is in sorted[from .. to). Gallops, so that a few rids among
	 * many labels, and the other way round, cost little.
	 *
	 * @param bits - Bit label % 8 of byte label / 8.
	 * @returns How many bits were not set before.
	 */
	mark(sorted: Float64Array, from: number, to: number, fromLabel: number, bits: Uint8Array): number {
		const rids = this.#rids;
		let marked = 0;
		for (const run of this.#runs) {
			let label = Math.max(run.start, fromLabel);
			const { end } = run;
			if (label >= end || from >= to) continue;
			let at = lowerBound(sorted, rids[label]!, from, to);
			while (at < to) {
				const rid = sorted[at]!;
				if (rids[label]! < rid) {
					label = gallop(rids, rid, label, end);
					if (label >= end) break;
				}
				const next = rids[label]!;
				if (next !== rid) {
					at = gallop(sorted, next, at, to);
					continue;
				}
				const byte = label >>> 3;
				const bit = 1 << (label & 7);
				const before = bits[byte]!;
				if ((before & bit) === 0) {
					bits[byte] = before | bit;
					marked++;
				}
				at++;
				if (++label >= end) break;
			}
		}
		return marked;
	}

	#reserve(n: number): void {
		if (n <= this.#rids.length) return;
		const grown = new Float64Array(Math.max(n, Math.ceil(this.#rids.length * 1.5)));
		grown.set(this.#rids.subarray(0, this.#n));
		this.#rids = grown;
	}
}

/** The first place in sorted[from .. to) with a value >= x; `to` where there is none. */
export function lowerBound(sorted: Float64Array, x: number, from: number, to: number): number {
	let [low, high] = [from, to];
	while (low < high) {
		const middle = (low + high) >>> 1;
		if (sorted[middle]! < x) low = middle + 1;
		else high = middle;
	}
	return low;
}

/** lowerBound by steps that double from `from` on: quick where the place is near. */
function gallop(sorted: Float64Array, x: number, from: number, to: number): number {
	if (from >= to || sorted[from]! >= x) return from;
	let [step, low] = [1, from];
	while (low + step < to && sorted[low + step]! < x) {
		low += step;
		step *= 2;
	}
	return lowerBound(sorted, x, low + 1, Math.min(to, low + step));
}
