/** SQ4 and 16-bit floats beside FAISS's QT_4bit and QT_fp16. */
import { expect, it } from 'vitest';
import { exactNeighbors, IndexScalarQuantizer, recallAtK } from '../../src/index.ts';
import type { ScalarQuantizer } from '../../src/quantizers/scalar.ts';
import { data, load, loadBytes, reference } from './fixtures.ts';

// FAISS decodes a code of 4 bits as the middle of a bin and truncates when it encodes; we round to 16 values, the
// extremes among them: the same ranges, the same step, at most half a step of error for us.
it('SQ4 learns the same ranges and decodes within a step', async () => {
	const [mins, ranges, decoded] = [await load('sq4-mins'), await load('sq4-ranges'), await load('sq4-decoded')];
	using index = new IndexScalarQuantizer({ d: data.d, type: 'sq4' });
	index.train(data).add(data);
	const { mins: found, steps } = (index.codec as ScalarQuantizer).range;
	expect(found).toEqual(mins.data);
	expect(steps).toEqual(ranges.data.map((range) => range / 15));
	let squared = 0;
	for (let i = 0; i < data.n; i++) {
		const own = index.reconstruct(i);
		for (let t = 0; t < data.d; t++) {
			const error = Math.abs(own[t]! - data.row(i)[t]!);
			expect(error).toBeLessThanOrEqual((steps[t]! / 2) * (1 + 1e-4));
			squared += error * error;
			if (i < decoded.n) expect(Math.abs(own[t]! - decoded.row(i)[t]!)).toBeLessThanOrEqual(steps[t]! * (1 + 1e-4));
		}
	}
	expect(squared / data.n / reference.sq4.meanSquaredError).toBeCloseTo(1, 1);
	const recall = recallAtK(index.search(data, 10), exactNeighbors(data, data, 10));
	expect(Math.abs(recall - reference.sq4.recall), `recall ${recall}`).toBeLessThan(0.01);
});

// FAISS converts in software where it was built without F16C, as Debian's is, and then rounds a value half way between
// two halves away from zero; F16C, NumPy and we take the even one.
it('f16 codes are the same bytes, ties apart', async () => {
	const codes = new Uint16Array((await loadBytes('f16-codes')).buffer);
	const factor = Math.fround(0.37);
	const x = data.slice(0, 60).data.map((value) => value * factor);
	using index = new IndexScalarQuantizer({ d: data.d, type: 'f16' });
	index.add(x);
	const ptr = index.codes.at(0);
	const own = new Uint16Array(index.engine.arena.u8.slice(ptr, ptr + 2 * x.length).buffer);
	let ties = 0;
	for (const [i, code] of own.entries()) {
		if (code === codes[i]) continue;
		const decoded = index.reconstruct(Math.floor(i / data.d))[i % data.d]!;
		const away = 2 * x[i]! - decoded;
		expect([code & 1, codes[i]! - code], `value ${x[i]}`).toEqual([0, 1]);
		// The other half lies as far off, on the other side.
		expect(Math.abs(away)).toBeGreaterThan(Math.abs(x[i]!));
		ties++;
	}
	expect(ties).toBe(8);
});
