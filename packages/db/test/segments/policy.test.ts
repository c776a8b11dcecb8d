import { describe, expect, test } from 'vitest';
import {
	grows,
	isHollow,
	isMeasureDue,
	plannedCompaction,
	plannedModel,
	sampleRows,
	thresholdsFor,
} from '../../src/segments/growth.ts';
import { settingFor } from '../../src/segments/measured.ts';
import { RidMap } from '../../src/segments/rid-map.ts';
import { traitsOf } from '../../src/segments/traits.ts';

const limits = thresholdsFor(128);
const sizes = (...rows: (number | [number, number])[]) =>
	rows.map((size, i) => {
		const [count, dead] = typeof size === 'number' ? [size, 0] : size;
		return { name: `s${i}`, rows: count, dead };
	});
const names = (chosen: readonly { name: string }[] | undefined) => chosen?.map(({ name }) => name).join(' ');

describe('when what is made', () => {
	test('auto: exact while that takes a millisecond, then cells', () => {
		expect(plannedModel('auto', 39_000, true, 128, 'l2', limits)).toBeUndefined();
		expect(plannedModel('auto', 40_000, false, 128, 'l2', limits)?.spec).toBe('IVF2048,PQ64x4fsr,Refine(SQ8)');
		expect(plannedModel('auto', 12_000, false, 768, 'cosine', thresholdsFor(768))?.spec).toMatch(/^IVF\d+,RaBitQ/);
		expect([grows('auto'), grows('IVF,PQ16'), grows('IVF64,PQ16'), grows('HNSW32')]).toEqual([
			true,
			true,
			false,
			false,
		]);
	});

	test('a specification given is kept to as soon as it can be trained', () => {
		expect(plannedModel('IVF1024,PQ16', 20_000, true, 128, 'l2', limits)).toBeUndefined();
		expect(plannedModel('IVF1024,PQ16', 40_000, false, 128, 'l2', limits)).toBeUndefined();
		expect(plannedModel('IVF1024,PQ16', 40_000, true, 128, 'l2', limits)?.spec).toBe('IVF1024,PQ16');
		expect(plannedModel('HNSW32', 5000, true, 128, 'l2', limits)?.spec).toBe('HNSW32');
		expect(() => traitsOf('IVF1024,PQ0')).toThrow(/PQ/);
	});

	test('samples fit the number of cells and the memory', () => {
		expect(sampleRows('IVF1024,PQ16', 1_000_000, 128, 0)).toBe(40_960);
		expect(sampleRows('IVF65536,PQ16', 5_000_000, 1024, 0)).toBe(32_768);
		expect(sampleRows('PQ16', 5000, 128, 0)).toBe(5000);
	});

	test('segments of like size become one, up to the largest allowed', () => {
		const seal = limits.sealRows;
		expect(plannedCompaction(sizes(seal, seal, seal), limits, false)).toBeUndefined();
		expect(names(plannedCompaction(sizes(seal, seal, seal, seal), limits, false))).toBe('s0 s1 s2 s3');
		expect(names(plannedCompaction(sizes(4 * seal, seal, seal, seal, seal), limits, false))).toBe('s1 s2 s3 s4');
		const largest = limits.maxSegmentRows;
		expect(plannedCompaction(sizes(largest, largest, largest, largest), limits, true)).toBeUndefined();
		expect(names(plannedCompaction(sizes(largest, 100, 200), limits, true))).toBe('s1 s2');
		expect(names(plannedCompaction(sizes(largest, [1000, 299], [1000, 300]), limits, false))).toBe('s2');
		expect(names(plannedCompaction(sizes(largest, [1000, 50]), limits, true))).toBe('s1');
	});

	test('memory is made anew when most labels are dead and files are not', () => {
		expect(isHollow(100_000, 60_000, 60_000, limits)).toBe(false);
		expect(isHollow(100_000, 40_000, 90_000, limits)).toBe(false);
		expect(isHollow(100_000, 40_000, 50_000, limits)).toBe(true);
		expect(isMeasureDue(70, 100, undefined)).toBe(false);
		expect([isMeasureDue(80, 100, undefined), isMeasureDue(150, 1, 80), isMeasureDue(160, 1, 80)]).toEqual([
			true,
			false,
			true,
		]);
	});
});

describe('search parameters', () => {
	const traits = traitsOf('IVF256,PQ16x4fs,Refine(SQ8)');
	const source = { traits, nlist: 256, trainedNprobe: 10, measured: undefined };
	const settings = [
		{ recall: 0.9, nprobe: 8, kFactor: 4 },
		{ recall: 0.985, nprobe: 20, kFactor: 4 },
		{ recall: 0.992, nprobe: 30, kFactor: 4 },
		{ recall: 0.999, nprobe: 90, kFactor: 8 },
	];
	const measured = { ...source, measured: { rows: 1000, k: 10, settings } };

	test('generous before anything was measured, then what reached the recall', () => {
		expect(settingFor(source, 10, {})).toEqual({ nprobe: 20, kFactor: 16 });
		expect(settingFor(measured, 10, {})).toEqual({ nprobe: 30, kFactor: 4 });
		expect(settingFor(measured, 10, { recall: 0.5 })).toEqual({ nprobe: 8, kFactor: 4 });
		expect(settingFor(measured, 10, { recall: 0.99 }).nprobe).toBe(90);
		expect(settingFor(measured, 10, { recall: 1 }).nprobe).toBe(256);
		expect(settingFor(measured, 10, { nprobe: 3, kFactor: 2 })).toEqual({ nprobe: 3, kFactor: 2 });
		expect(settingFor(measured, 160, {}).nprobe).toBe(60);
	});

	test('parameters that a kind does not have are not given', () => {
		expect(settingFor({ ...source, traits: traitsOf('Flat'), nlist: 0 }, 10, { nprobe: 5, kFactor: 3 })).toEqual({});
		expect(settingFor({ ...source, traits: traitsOf('HNSW16'), nlist: 0 }, 10, {})).toEqual({ efSearch: 256 });
	});
});

describe('rids and labels', () => {
	test('runs that interleave', () => {
		const map = new RidMap();
		map.append([10, 20, 30]);
		map.append([40, 50]);
		map.append([5, 15, 35]);
		map.append([60]);
		expect([5, 10, 15, 20, 30, 35, 40, 50, 60].map((rid) => map.labelOf(rid))).toEqual([5, 0, 6, 1, 2, 7, 3, 4, 8]);
		expect([1, 12, 61].map((rid) => map.labelOf(rid))).toEqual([-1, -1, -1]);
		expect([...map.rids]).toEqual([10, 20, 30, 40, 50, 5, 15, 35, 60]);
		const bits = new Uint8Array(2);
		const set = Float64Array.of(5, 12, 20, 35, 36, 50, 60, 99);
		expect(map.mark(set, 0, set.length, 0, bits)).toBe(5);
		expect([...Array(9).keys()].filter((label) => (bits[label >> 3]! >> (label & 7)) & 1)).toEqual([1, 4, 5, 7, 8]);
		expect(map.mark(set, 0, set.length, 0, bits)).toBe(0);
		const late = new Uint8Array(2);
		expect(map.mark(set, 3, set.length, 4, late)).toBe(3);
	});
});
