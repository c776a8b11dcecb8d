/** Laws of fusion. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Ranked, reciprocalRank, weighted } from '../../src/text/fuse.ts';

const list = fc
	.uniqueArray(fc.record({ id: fc.nat(30), score: fc.double({ min: -100, max: 100, noNaN: true }) }), {
		selector: ({ id }) => id,
		maxLength: 20,
	})
	.map((some) => some.sort((a, b) => b.score - a.score));
const ids = (places: readonly Ranked[]) => places.map(({ id }) => id);

describe('reciprocalRank', () => {
	it('sums weight / (k0 + rank)', () => {
		const a = [
			{ id: 1, score: 9 },
			{ id: 2, score: 8 },
		];
		const b = [
			{ id: 2, score: 0.3 },
			{ id: 3, score: 0.2 },
		];
		expect(reciprocalRank([a, b], { k0: 10, weights: [1, 2] })).toEqual([
			{ id: 2, score: 1 / 12 + 2 / 11, ranks: [2, 1] },
			{ id: 3, score: 2 / 12, ranks: [undefined, 2] },
			{ id: 1, score: 1 / 11, ranks: [1, undefined] },
		]);
	});

	it('breaks ties to the lower id, of numbers and of strings', () => {
		expect(ids(reciprocalRank([[{ id: 10, score: 1 }], [{ id: 9, score: 5 }]]))).toEqual([9, 10]);
		expect(reciprocalRank([[{ id: 'b', score: 1 }], [{ id: 'a', score: 5 }]]).map(({ id }) => id)).toEqual(['a', 'b']);
	});

	it('counts an id that a list holds twice with its first place', () => {
		expect(
			reciprocalRank([
				[
					{ id: 1, score: 3 },
					{ id: 1, score: 2 },
					{ id: 2, score: 1 },
				],
			]).map(({ ranks }) => ranks),
		).toEqual([[1], [3]]);
	});

	it('holds every id once, best first', () => {
		fc.assert(
			fc.property(list, list, (a, b) => {
				const fused = reciprocalRank([a, b]);
				expect(new Set(ids(fused))).toEqual(new Set([...ids(a), ...ids(b)]));
				expect(fused.length).toBe(new Set(ids(fused)).size);
				for (let i = 1; i < fused.length; i++) {
					const [before, after] = [fused[i - 1]!, fused[i]!];
					expect(before.score > after.score || (before.score === after.score && before.id < after.id)).toBe(true);
				}
			}),
		);
	});

	it('leaves one list, or a list beside an empty one, in its order', () => {
		fc.assert(
			fc.property(list, (a) => {
				expect(ids(reciprocalRank([a]))).toEqual(ids(a));
				expect(ids(reciprocalRank([[], a]))).toEqual(ids(a));
				expect(ids(reciprocalRank([a, a]))).toEqual(ids(a));
			}),
		);
	});

	it('does not depend on the order of the lists or on their scores', () => {
		fc.assert(
			fc.property(list, list, (a, b) => {
				expect(ids(reciprocalRank([a, b]))).toEqual(ids(reciprocalRank([b, a])));
				const squeezed = a.map(({ id, score }) => ({ id, score: score / 1000 - 5 }));
				expect(reciprocalRank([squeezed, b])).toEqual(reciprocalRank([a, b]));
			}),
		);
	});

	it('with weight 0, a list orders nothing', () => {
		fc.assert(
			fc.property(list, list, (a, b) => {
				const only = new Set(ids(a));
				expect(ids(reciprocalRank([a, b], { weights: [1, 0] })).filter((id) => only.has(id))).toEqual(ids(a));
			}),
		);
	});

	it('checks its arguments', () => {
		expect(() => reciprocalRank([[]], { k0: -1 })).toThrow('k0 must be in');
		expect(() => reciprocalRank([[]], { weights: [1, 2] })).toThrow('weights must be 1 numbers');
		expect(() => reciprocalRank([[]], { weights: [Number.NaN] })).toThrow('weights[0]');
		expect(() => reciprocalRank([[]], { k: 3 } as object)).toThrow('unknown option "k"');
	});
});

describe('weighted', () => {
	it('sums stretched scores', () => {
		const a = [
			{ id: 1, score: 30 },
			{ id: 2, score: 20 },
			{ id: 3, score: 10 },
		];
		const b = [
			{ id: 3, score: -1 },
			{ id: 4, score: -2 },
		];
		expect(weighted(a, b, { alpha: 0.6 })).toEqual([
			{ id: 1, score: 0.6, ranks: [1, undefined] },
			{ id: 3, score: 0.4, ranks: [3, 1] },
			{ id: 2, score: 0.3, ranks: [2, undefined] },
			{ id: 4, score: 0, ranks: [undefined, 2] },
		]);
		expect(weighted(a, [], { alpha: 1, normalise: 'none' }).map(({ score }) => score)).toEqual([30, 20, 10]);
	});

	it('with alpha 1 and 0 is the one list or the other', () => {
		fc.assert(
			fc.property(list, list, (a, b) => {
				const [inA, inB] = [new Set(ids(a)), new Set(ids(b))];
				const scores = (places: readonly Ranked[], of: readonly Ranked[]) =>
					places.map(({ id }) => of.find((one) => one.id === id)!.score);
				const first = weighted(a, b, { alpha: 1, normalise: 'none' }).filter(({ id }) => inA.has(id));
				expect(scores(first, a)).toEqual(a.map(({ score }) => score));
				const second = weighted(a, b, { alpha: 0, normalise: 'none' }).filter(({ id }) => inB.has(id));
				expect(scores(second, b)).toEqual(b.map(({ score }) => score));
			}),
		);
	});

	it('is symmetric, in 0..1, and finite also where all scores are equal', () => {
		fc.assert(
			fc.property(list, list, fc.constantFrom(0, 0.25, 0.5, 1), (a, b, alpha) => {
				const fused = weighted(a, b, { alpha });
				expect(fused.map(({ id, score }) => [id, score])).toEqual(
					weighted(b, a, { alpha: 1 - alpha }).map(({ id, score }) => [id, score]),
				);
				for (const { score } of fused) expect(score >= 0 && score <= 1 + 1e-12).toBe(true);
			}),
		);
		expect(weighted([{ id: 1, score: 4 }], [{ id: 1, score: 4 }])[0]!.score).toBe(1);
	});

	it('checks its arguments', () => {
		expect(() => weighted([], [], { alpha: 1.1 })).toThrow('alpha must be in 0..1');
		expect(() => weighted([], [], { normalise: 'z' as 'none' })).toThrow(
			"normalise must be 'min-max' or 'none', got \"z\"",
		);
	});
});
