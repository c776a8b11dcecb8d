/**
 * Search in RaBitQ codes (assembly/rabitqscan.ts).
 */

import type { Arena } from '../arena.ts';
import {
	fastSlot,
	type KernelFunctions,
	RABITQ_STATE,
	rabitqCodeSize,
	rabitqStateBytes,
	TOPK_HEADER,
} from '../kernels.ts';
import { f, ip, reduce8, roundHalfEven } from './arithmetic.ts';
import { distanceKernels } from './distances.ts';
import { fromBfloat16, rabitqKernels } from './rabitq.ts';
import { admits, topkKernels } from './topk.ts';

type Candidate = [distance: number, label: number];

export function rabitqScanKernels(arena: Arena): Pick<KernelFunctions, 'rabitqPrepare' | 'rabitqQuery' | 'scanRabitq'> {
	const { topkPush } = topkKernels(arena);
	const at = RABITQ_STATE;

	/** A + B * <Y, v> of code i of a block, from all its bits. */
	function secondLook(block: number, rows: number, i: number, state: number, size: number, nbits: number): number {
		const view = new DataView(arena.memory.buffer);
		const extra = nbits - 1;
		const ints = state + at.tables + size * 4;
		const factors = rows + i * (8 + (size / 8) * extra);
		let dot = 0;
		for (let t = 0; t < size; t++) {
			let bits = (view.getUint8(block + (t >> 2) * 16 + (i & 15)) >> ((i >> 4) * 4 + (t & 3))) & 1;
			const planes = factors + 8 + (t >> 4) * extra * 2 + ((t >> 3) & 1);
			for (let p = 0; p < extra; p++) bits = 2 * bits + ((view.getUint8(planes + 2 * p) >> (t & 7)) & 1);
			dot += (2 * bits - 2 ** nbits + 1) * view.getInt16(ints + 2 * t, true);
		}
		const scaled = f(f(dot) * arena.f32[(state + at.unit) >>> 2]!);
		return f(view.getFloat32(factors, true) + f(view.getFloat32(factors + 4, true) * scaled));
	}

	const distances = distanceKernels(arena);
	const { rabitqRotate } = rabitqKernels(arena);
	const kernels: ReturnType<typeof rabitqScanKernels> = {
		rabitqPrepare(q, n, d, size, nbits, metric, centre, signs, spread, slack, length, states, stride) {
			const { f32, u32 } = arena;
			for (let i = 0; i < n; i++) {
				const row = q + i * d * 4;
				const state = states + i * stride;
				const rotated = state + rabitqStateBytes(size);
				rabitqRotate(row, centre, d, size, signs, rotated);
				kernels.rabitqQuery(rotated, size, nbits, state);
				const toCentre = metric === 0 ? distances.l2Many : distances.ipMany;
				toCentre(row, centre, 1, d, state + at.bias);
				f32[(state + at.spread) >>> 2] = spread;
				f32[(state + at.slack) >>> 2] = slack * f32[(state + at.inverse) >>> 2]!;
				f32[(state + at.gapAdd) >>> 2] = metric === 0 ? 0 : ip(arena, row >>> 2, row >>> 2, d) + length;
				f32[(state + at.gapScale) >>> 2] = metric === 0 ? 1 : 2;
				u32[(state + at.looks) >>> 2] = 0;
			}
		},

		// The rotated query as 16-bit integers w, and for 4 dimensions each the sums over subsets of theirs, less the
		// smallest, times a scale, rounded half to even, at most 63.
		rabitqQuery(v, size, nbits, state) {
			const { f32, u8 } = arena;
			const view = new DataView(arena.memory.buffer);
			const lanes = new Float32Array(8);
			let largest = 0;
			for (let t = 0; t < size; t++) {
				const x = Math.abs(f32[(v >>> 2) + t]!);
				lanes[t & 7] = lanes[t & 7]! + x;
				largest = Math.max(largest, x);
			}
			const length = f(f(2 ** nbits - 1) * reduce8(lanes));
			const unit = largest > 0 ? Math.min(f(32767 / largest), f(f(2.1e9) / length), f(1e30)) : 1;
			const w = Array.from({ length: size }, (_, t) => roundHalfEven(f(f32[(v >>> 2) + t]! * unit)));
			const row = (j: number): number[] => w.slice(4 * j, 4 * j + 4);
			let [widest, range] = [0, 0];
			for (let j = 0; j < size / 4; j++) {
				const width = row(j).reduce((sum, x) => sum + Math.abs(x), 0);
				widest = Math.max(widest, width);
				range += width;
			}
			const scale = widest > 0 ? Math.min(f(63 / f(widest)), f(f(65535 - size / 4) / f(range))) : 1;
			f32[(state + at.inverse) >>> 2] = 2 / f(scale * unit);
			f32[(state + at.offset) >>> 2] = -f(range) / unit;
			f32[(state + at.unit) >>> 2] = 1 / unit;
			view.setInt32(
				state + at.total,
				w.reduce((sum, x) => sum + x, 0),
				true,
			);
			const tables = state + at.tables;
			for (const [t, x] of w.entries()) view.setInt16(tables + size * 4 + 2 * t, x, true);
			for (let j = 0; j < size / 4; j++) {
				const low = row(j).reduce((sum, x) => sum + Math.min(x, 0), 0);
				for (let c = 0; c < 16; c++) {
					const sum = row(j).reduce((total, x, t) => total + ((c >> t) & 1) * x, 0);
					u8[tables + j * 16 + c] = Math.min(63, roundHalfEven(f((sum - low) * scale)));
				}
			}
		},

		scanRabitq(directory, listNos, biases, nLists, base, values, topk, state, size, nbits) {
			const { u8, u32, f32 } = arena;
			const view = new DataView(arena.memory.buffer);
			const parameter = (offset: number): number => f32[(state + offset) >>> 2]!;
			const rowBytes = rabitqCodeSize(size, nbits) - size / 8 - 4;
			// From 2 bits on the selection is part of the result: candidates in order of arrival, cut to k now and then.
			const k = u32[topk >>> 2]!;
			const full = k + Math.max(16, k >> 3);
			const keys = (topk + TOPK_HEADER) >>> 2;
			let threshold = f32[(topk >>> 2) + 3]!;
			let found: Candidate[] = Array.from({ length: u32[(topk >>> 2) + 2]! }, (_, i) => [
				f32[keys + 2 * i + 1]!,
				u32[keys + 2 * i]!,
			]);
			const cut = (): void => {
				found.sort(([a, i], [b, j]) => a - b || i - j);
				if (found.length <= k) return;
				found = found.slice(0, k);
				threshold = found[k - 1]![0];
			};
			let scanned = 0;
			for (let t = 0; t < nLists; t++) {
				const listNo = listNos === 0 ? t : u32[(listNos >>> 2) + t]!;
				const entry = (directory >>> 2) + listNo * 4;
				const [codes, terms, ids, n] = [u32[entry]!, u32[entry + 1]!, u32[entry + 2]!, u32[entry + 3]!];
				const stride = 32 * (size / 8 + 4 + (terms === 0 ? rowBytes : 0));
				const bias = biases === 0 ? parameter(at.bias) : f32[(biases >>> 2) + t]!;
				const gap = f(Math.sqrt(Math.max(f(parameter(at.gapAdd) + f(parameter(at.gapScale) * bias)), 0)));
				const raise = nbits === 1 ? 0 : f(f(parameter(at.spread) * gap) + parameter(at.slack));
				const offset = f(parameter(at.offset) + raise);
				let limit = Number.POSITIVE_INFINITY;
				for (let i = 0; i < n; i++) {
					const inBlock = i & 31;
					const block = codes + (i >> 5) * stride;
					if (inBlock === 0) {
						if (found.length > full) cut();
						limit = f(f(threshold - bias) + f(f(Math.abs(threshold) + Math.abs(bias)) * 2 ** -22));
					}
					let sum = 0;
					for (let j = 0; j < size / 4; j++) {
						const nibble = (u8[block + j * 16 + (inBlock & 15)]! >> ((inBlock >> 4) * 4)) & 15;
						sum += u8[state + at.tables + j * 16 + nibble]!;
					}
					const record = block + size * 4 + fastSlot(inBlock) * 4;
					const [scale, add] = [view.getUint16(record, true), view.getUint16(record + 2, true)];
					const dot = f(f(sum * parameter(at.inverse)) + offset);
					const value = f(fromBfloat16(add) + f(fromBfloat16(scale) * dot));
					const label = ids === 0 ? base + i : u32[(ids >>> 2) + i]!;
					if (nbits === 1) {
						f32[values >>> 2] = value + bias;
						f32[(values >>> 2) + 1] = 0;
						if (ids === 0) topkPush(topk, values, 1, 0, label);
						else topkPush(topk, values, 1, ids + i * 4, 0);
					} else if (value <= limit && admits(u32, topk, label)) {
						const rows = terms === 0 ? block + size * 4 + 128 : terms + (i - inBlock) * rowBytes;
						const distance = f(secondLook(block, rows, inBlock, state, size, nbits) + bias) + 0;
						if (distance <= threshold) found.push([distance, label]);
						u32[(state + at.looks) >>> 2]!++;
					}
				}
				if (found.length > full) cut();
				scanned += n;
			}
			if (nbits === 1) return scanned;
			cut();
			for (const [i, [distance, label]] of found.entries()) {
				u32[keys + 2 * i] = label;
				f32[keys + 2 * i + 1] = distance;
			}
			u32[(topk >>> 2) + 2] = found.length;
			f32[(topk >>> 2) + 3] = threshold;
			return scanned;
		},
	};
	return kernels;
}
