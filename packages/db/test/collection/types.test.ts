/** What the compiler knows of a collection with a schema; `npm run types` is the test, running it only shows that it runs. */

import { type Collection, open } from '@vecino/db';
import { expect, expectTypeOf, it } from 'vitest';

it('types metadata and filters by the schema', async () => {
	await using films = await open(':memory:', {
		dimension: 2,
		schema: {
			title: { type: 'string', required: true },
			year: 'integer',
			tags: 'string[]',
			seen: 'datetime',
			more: 'json',
		},
	});
	await films.add({
		id: 1,
		vector: [1, 0],
		metadata: { title: 'Alien', year: 1979, tags: ['space'], seen: new Date(0) },
	});
	await films.add({ id: 2, vector: [0, 1], metadata: { title: 'Heat', year: null, more: { city: 'LA' } } });
	const [hit] = await films.query({
		vector: [1, 0],
		where: { year: { $lt: 1990 }, tags: 'space', $not: { title: { $prefix: 'B' } } },
	});
	expectTypeOf(hit!.metadata.title).toEqualTypeOf<string>();
	expectTypeOf(hit!.metadata.year).toEqualTypeOf<number | null | undefined>();
	expectTypeOf(hit!.metadata.tags).toEqualTypeOf<readonly string[] | null | undefined>();
	expectTypeOf(hit!.score).toEqualTypeOf<number>();
	expect(await films.count({ 'more.city': 'LA' })).toBe(1);

	// @ts-expect-error: title is required
	await expect(films.add({ vector: [1, 0], metadata: { year: 1979 } })).rejects.toThrow(TypeError);
	// @ts-expect-error: year is a number
	await expect(films.add({ vector: [1, 0], metadata: { title: 'x', year: '1979' } })).rejects.toThrow(TypeError);
	// @ts-expect-error: there is no such field
	await expect(films.query({ vector: [1, 0], where: { yeer: 1979 } })).rejects.toMatchObject({ nearest: 'year' });
	// @ts-expect-error: numbers have no prefix
	await expect(films.count({ year: { $prefix: '19' } })).rejects.toThrow(TypeError);
	// @ts-expect-error: title is text
	await expect(films.update(1, { title: 5 })).rejects.toThrow(TypeError);
	// @ts-expect-error: recall is a number
	await expect(films.query({ vector: [1, 0], recall: 'high' })).rejects.toThrow(TypeError);
	expect(await films.update(1, { year: undefined, tags: [] })).toBe(true);
});

it('takes any metadata where there is no schema', async () => {
	await using anything = await open(':memory:', { dimension: 1 });
	expectTypeOf(anything).toEqualTypeOf<Collection<undefined>>();
	await anything.add({ vector: [1], metadata: { whatever: { deep: [1, 'two'] } } });
	const [row] = await anything.list({ where: { 'whatever.deep': 'two' } });
	expectTypeOf(row!.metadata).toEqualTypeOf<Readonly<Record<string, unknown>>>();
	expectTypeOf(await anything.add({ vector: [1] })).toEqualTypeOf<string | number>();
	expectTypeOf(await anything.add([{ vector: [1] }])).toEqualTypeOf<(string | number)[]>();
	expectTypeOf(await anything.add(new Set([{ vector: [1] }]))).toEqualTypeOf<number>();
	expect(row?.id).toBe(1);
});
