/** The parts of the page that only compute. */
import { exactNeighbors, ProductQuantizer, squaredL2, VectorSet } from 'vecino';
import { describe, expect, it } from 'vitest';
import { chartData } from '../src/compute/chart-data.ts';
import { firstPlace } from '../src/compute/first-place.ts';
import { fitPlane, moveTo, project } from '../src/compute/plane.ts';
import { Random } from '../src/compute/random.ts';
import { BUILT_IN_SETS, makeSet } from '../src/compute/sets.ts';
import { mSteps, nearestStep, nlistSteps, nprobeSteps, usualNlist } from '../src/compute/settings.ts';
import { runToy, TOY, TOY_CODEBOOK, TOY_QUERY, TOY_VECTOR, toyTable } from '../src/compute/toy.ts';
import { allToScreen, fitView, inBounds, toPlane, toScreen } from '../src/draw/view.ts';
import { unpackIds } from '../src/session/codes.ts';
import { bytes, count, micros, ordinal, percent, short } from '../src/ui/format.ts';

describe('built-in sets', () => {
	it.each(BUILT_IN_SETS.filter(({ n }) => n < 20_000))(
		'$id is as large as it says, finite and the same again',
		(set) => {
			const x = makeSet(set.id);
			expect([x.n, x.d]).toEqual([set.n, set.d]);
			expect(x.data.every(Number.isFinite)).toBe(true);
			expect(makeSet(set.id).data).toEqual(x.data);
			expect(makeSet(set.id, 8).data).not.toEqual(x.data);
		},
	);

	it('are the same on every machine', () => {
		expect(Array.from(makeSet('plane').data.subarray(0, 4))).toMatchInlineSnapshot(`
			[
			  6.080219268798828,
			  56.23476791381836,
			  41.16838836669922,
			  58.1405029296875,
			]
		`);
		expect(Array.from(makeSet('digits').data.subarray(8, 24))).toMatchInlineSnapshot(`
			[
			  0,
			  3,
			  4,
			  3,
			  3,
			  4,
			  3,
			  0,
			  1,
			  4,
			  4,
			  0,
			  0,
			  3,
			  5,
			  0,
			]
		`);
	});

	it('with many numbers spread in clusters', () => {
		const x = makeSet('clusters-20k');
		expect([x.n, x.d]).toEqual([20_000, 128]);
		const [near] = [...exactNeighbors(x, x.row(0), 2).distances].slice(1);
		const far = squaredL2(x.row(0), x.row(1));
		expect(near).toBeLessThan(far / 2);
	});

	it('refuses other names', () => {
		expect(() => makeSet('other' as 'plane')).toThrow(/id must be one of the built-in sets, got other/);
	});
});

describe('the plane', () => {
	const random = new Random(3);
	const x = new VectorSet(
		Float32Array.from({ length: 500 * 6 }, (_, i) => random.normal() * [9, 1, 5, 0.1, 1, 0.5][i % 6]! + 2),
		6,
	);
	const plane = fitPlane(x);

	it('is spanned by two directions at right angles, those of the largest spread', () => {
		const [a, b] = [plane.axes.subarray(0, 6), plane.axes.subarray(6)];
		const dot = (u: Float32Array, v: Float32Array): number => u.reduce((sum, value, t) => sum + value * v[t]!, 0);
		expect(dot(a, a)).toBeCloseTo(1, 5);
		expect(dot(b, b)).toBeCloseTo(1, 5);
		expect(dot(a, b)).toBeCloseTo(0, 5);
		expect(Math.abs(a[0]!)).toBeGreaterThan(0.99);
		expect(Math.abs(b[2]!)).toBeGreaterThan(0.98);
		expect(plane.share).toBeGreaterThan(0.95);
	});

	it('puts a moved vector where it was moved to, and keeps the rest of it', () => {
		const moved = moveTo(x.row(4), plane, 3, -7);
		const at = project(new VectorSet(moved, 6), plane);
		expect(at[0]).toBeCloseTo(3, 4);
		expect(at[1]).toBeCloseTo(-7, 4);
		const places = project(x, plane);
		expect(moveTo(x.row(4), plane, places[8]!, places[9]!)).toEqual(Float32Array.from(x.row(4)));
		const shift = Math.hypot(3 - places[8]!, -7 - places[9]!);
		expect(Math.sqrt(squaredL2(moved, x.row(4)))).toBeCloseTo(shift, 3);
	});

	it('is the data itself where that has two numbers', () => {
		const flat = new VectorSet(Float32Array.of(1, 2, 3, 4), 2);
		const own = fitPlane(flat);
		expect(own.exact).toBe(true);
		expect(project(flat, own)).toEqual(flat.data);
		expect(moveTo(flat.row(0), own, 5, 6)).toEqual(Float32Array.of(5, 6));
	});

	it.each([
		['one number', new VectorSet(Float32Array.of(1, 2, 4), 1)],
		['equal vectors', new VectorSet(new Float32Array(30).fill(2), 3)],
		[
			'vectors on one line',
			new VectorSet(
				Float32Array.from({ length: 30 }, (_, i) => Math.floor(i / 3)),
				3,
			),
		],
	])('takes %s', (_, x) => {
		const own = fitPlane(x);
		expect(project(x, own).every(Number.isFinite)).toBe(true);
		expect(moveTo(x.row(0), own, 1, 0).every(Number.isFinite)).toBe(true);
	});
});

describe('twelve numbers', () => {
	it('takes the nearest centroid of each part', () => {
		const { parts, distances, ids, reconstruction, squaredError } = runToy(TOY_VECTOR);
		expect(parts.map((part) => part.length)).toEqual([3, 3, 3, 3]);
		ids.forEach((id, j) => {
			expect(distances[j]![id]).toBe(Math.min(...distances[j]!));
			expect(distances[j]![id]).toBe(squaredL2(parts[j]!, TOY_CODEBOOK[j]![id]!));
		});
		expect(squaredError).toBe(ids.reduce((sum, id, j) => sum + distances[j]![id]!, 0));
		expect(reconstruction).toHaveLength(TOY.d);
	});

	it('sums one number of each row of the table to the distance of the reconstruction', () => {
		const { ids, reconstruction } = runToy(TOY_VECTOR);
		const table = toyTable(TOY_QUERY);
		const sum = ids.reduce((total, id, j) => total + table[j]![id]!, 0);
		expect(sum).toBe(squaredL2(TOY_QUERY, reconstruction));
	});
});

describe('settings', () => {
	it('offer what the vectors allow', () => {
		expect(nlistSteps(10)).toEqual([2]);
		expect(nlistSteps(10_000).at(-1)).toBe(2048);
		expect(usualNlist(10_000)).toBe(64);
		expect(usualNlist(100_000)).toBe(256);
		expect(nprobeSteps(1)).toEqual([1]);
		expect(nprobeSteps(16)).toEqual([1, 2, 3, 4, 6, 8, 12, 16]);
		expect(mSteps(2)).toEqual([1, 2]);
		expect(mSteps(64)).toEqual([1, 2, 4, 8, 16, 32, 64]);
		expect(mSteps(101)).toEqual([1, 2, 4, 8, 16, 32, 64]);
		expect(nearestStep([1, 4, 16], 7)).toBe(4);
	});

	it('start where neighbours do not lie under the query', () => {
		const shown = Uint32Array.from({ length: 100 }, (_, i) => i);
		const points = Float32Array.from({ length: 200 }, (_, i) => (i < 190 ? (i % 7) / 100 : i));
		const place = firstPlace({ n: 100, shown, points });
		expect(place.x).toBeGreaterThan(1);
	});
});

describe('codes', () => {
	it.each([
		[4, 8, 4],
		[3, 5, 6],
		[2, 10, 6],
	])('reads ids of nbits %i', (m, nbits, d) => {
		const random = new Random(1);
		using pq = new ProductQuantizer({ d, m, nbits, pad: true });
		const x = Float32Array.from({ length: 1100 * d }, () => random.normal());
		pq.train(x, { niter: 2 });
		const code = pq.encode(x.subarray(0, d));
		const ids = unpackIds(code, m, nbits);
		const { codebook, ksub, dsub } = pq;
		const again = Float32Array.from(ids, (id, j) => codebook[(j * ksub + id) * dsub]!);
		const decoded = pq.decode(code).data;
		expect(again).toEqual(Float32Array.from({ length: m }, (_, j) => decoded[j * dsub]!));
	});
});

describe('pictures', () => {
	it('go to the screen and back with one scale, y upwards', () => {
		const view = fitView([-10, 0, 10, 5], 400, 300);
		const [x, y] = toScreen(view, 3, 4);
		const [a, b] = toPlane(view, x, y);
		expect(a).toBeCloseTo(3, 9);
		expect(b).toBeCloseTo(4, 9);
		expect(toScreen(view, 0, 5)[1]).toBeLessThan(toScreen(view, 0, 0)[1]);
		expect(Array.from(allToScreen(view, Float32Array.of(3, 4)))).toEqual([Math.fround(x), Math.fround(y)]);
		expect(inBounds(view, Float32Array.of(0, 0, 500, 0, -9, 4))).toEqual([0, 2]);
	});

	it('draw a line for each index, sorted', () => {
		const point = { recall: 0.5, scanned: 0.1, micros: 20, kFactor: 0, nprobe: 4 };
		const points = [
			{ ...point, spec: 'a', scanned: 0.2, recall: 0.9, nprobe: 8 },
			{ ...point, spec: 'b' },
			{ ...point, spec: 'a', scanned: 0.05 },
			{ ...point, spec: 'b', kFactor: 4, recall: 0.8 },
		];
		const { names, data, mark } = chartData(points, 'scanned', { spec: 'b', nprobe: 4, kFactor: 4 });
		expect(names).toEqual(['a', 'b', 'b, kFactor 4']);
		expect(data).toEqual([
			[5, 10, 10, 20],
			[0.5, null, null, 0.9],
			[null, 0.5, null, null],
			[null, null, 0.8, null],
		]);
		expect(mark).toEqual([10, 0.8]);
	});

	it('say numbers shortly', () => {
		expect([short(0), short(1234.5), short(0.01234), short(1.2e9)]).toEqual(['0', '1,235', '0.0123', '1.20e+9']);
		expect([percent(0.066), percent(0.5), percent(1)]).toEqual(['6.6 %', '50 %', '100 %']);
		expect([bytes(12.5), bytes(51_200_000), micros(17.24), micros(1500)]).toEqual([
			'12.5 B',
			'51.2 MB',
			'17.2 µs',
			'1.5 ms',
		]);
		expect([1, 2, 3, 4, 11, 22].map(ordinal)).toEqual(['1st', '2nd', '3rd', '4th', '11th', '22nd']);
		expect(count(1e6)).toBe('1,000,000');
	});
});
