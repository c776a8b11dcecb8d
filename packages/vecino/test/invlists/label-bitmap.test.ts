import { describe, expect, it } from 'vitest';
import { LabelBitmap } from '../../src/invlists/label-bitmap.ts';
import { defaultEngine } from '../../src/kernels/engine.ts';
import { Rng } from '../../src/util/rng.ts';

const SIZES = [0, 1, 31, 32, 33, 64, 100, 1000];

function rowsOf(bitmap: LabelBitmap): number[] {
	return Array.from({ length: bitmap.bits + 40 }, (_, row) => row).filter((row) => bitmap.has(row));
}

describe('LabelBitmap', () => {
	it('does what a Set of rows does', () => {
		const { arena } = defaultEngine();
		const rng = new Rng(1);
		for (const bits of SIZES) {
			using bitmap = new LabelBitmap(arena, bits);
			using other = new LabelBitmap(arena, bits + 7);
			let rows = new Set<number>();
			const others = new Set<number>();
			const check = (): void => {
				expect(rowsOf(bitmap)).toEqual([...rows].sort((a, b) => a - b));
				expect(bitmap.count).toBe(rows.size);
			};
			for (let t = 0; t < 3 * bits; t++) {
				const row = rng.below(bits);
				if (rng.below(3) > 0) {
					expect(bitmap.set(row)).toBe(!rows.has(row));
					rows.add(row);
				} else {
					expect(bitmap.clear(row)).toBe(rows.delete(row));
				}
				if (other.set(rng.below(bits + 7))) continue;
			}
			for (let row = 0; row < other.bits; row++) if (other.has(row)) others.add(row);
			check();
			const [start, end] = [Math.floor(bits / 3), Math.ceil(bits / 2)];
			bitmap.setRange(start, end);
			for (let row = start; row < end; row++) rows.add(row);
			check();
			bitmap.and(other);
			rows = new Set([...rows].filter((row) => others.has(row)));
			check();
			bitmap.not();
			rows = new Set(Array.from({ length: bits }, (_, row) => row).filter((row) => !rows.has(row)));
			check();
			bitmap.or(other);
			for (const row of others) if (row < bits) rows.add(row);
			check();
			bitmap.setWords(new Uint32Array(40).fill(0xffffffff));
			rows = new Set(Array.from({ length: Math.min(bits, 1280) }, (_, row) => row));
			check();
		}
	});

	it('grows by empty or full rows, and is cut short', () => {
		const { arena } = defaultEngine();
		for (const bits of SIZES) {
			using bitmap = new LabelBitmap(arena, bits, true);
			expect(bitmap.count).toBe(bits);
			bitmap.grow(bits + 5);
			expect([bitmap.bits, bitmap.count]).toEqual([bits + 5, bits]);
			bitmap.grow(bits + 3000, true);
			expect(bitmap.count).toBe(bits + 2995);
			bitmap.truncate(bits + 6);
			expect([bitmap.bits, bitmap.count]).toEqual([bits + 6, bits + 1]);
			bitmap.grow(bits + 90);
			expect(rowsOf(bitmap)).toEqual([...Array.from({ length: bits }, (_, row) => row), bits + 5]);
			expect(bitmap.byteLength).toBeGreaterThanOrEqual((bits + 90) / 8);
			expect(bitmap.admission).toEqual([bitmap.ptr, bits + 90, Infinity]);
		}
	});
});
