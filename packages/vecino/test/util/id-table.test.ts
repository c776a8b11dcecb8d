/** The table of ids and rows against two Maps. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { IdTable } from '../../src/util/id-table.ts';

it('ids come and go, rows are used again, the last freed first', () => {
	const action = fc.record({ id: fc.nat(40), reuse: fc.boolean() });
	fc.assert(
		fc.property(fc.array(action, { maxLength: 300 }), (list) => {
			const table = new IdTable();
			const rowOf = new Map<number, number>();
			const free: number[] = [];
			let rows = 0;
			for (const { id: small, reuse } of list) {
				const id = small * 2 ** 31 + (small % 3);
				const row = rowOf.get(id);
				if (row !== undefined) {
					expect(table.remove(id)).toBe(row);
					rowOf.delete(id);
					free.push(row);
				} else if (reuse && free.length > 0) {
					table.reuse(id);
					rowOf.set(id, free.pop()!);
				} else {
					table.push(id);
					rowOf.set(id, rows++);
				}
				expect([table.n, table.freeCount, table.free]).toEqual([rows, free.length, free.at(-1) ?? -1]);
				if (reuse) expect(table.largest).toBe(Math.max(-1, ...rowOf.keys()));
				expect([...table.freeRows(3)]).toEqual(free.slice(-3).reverse());
			}
			for (let small = 0; small <= 40; small++) {
				const id = small * 2 ** 31 + (small % 3);
				expect(table.rowOf(id)).toBe(rowOf.get(id) ?? -1);
			}
			// What a file holds of it gives the same table.
			const copy = new IdTable();
			for (const value of table.ids) copy.load(value);
			expect(copy.loadFree(table.free, table.freeCount)).toBe(true);
			expect([...copy.freeRows(rows)]).toEqual([...table.freeRows(rows)]);
			for (const [id, row] of rowOf) expect([copy.rowOf(id), copy.idOf(row)]).toEqual([row, id]);
		}),
		{ numRuns: 100 },
	);
});
