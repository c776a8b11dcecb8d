/** Filters on their way to the index: conditions on metadata, compiled to SQL, as the rids that they let through. */

import { throwIfAborted } from '../check.ts';
import type { RidSet } from '../segments/contract.ts';
import { type CompiledWhere, compileWhere } from '../where/compile.ts';
import type { Core } from './core.ts';
import { Slice } from './turns.ts';

/** Compiles a filter; undefined where every row passes. */
export function compileFilter(core: Core, where: string, condition: unknown): CompiledWhere | undefined {
	if (condition === undefined) return undefined;
	const compiled = compileWhere(condition, core.fields, `${where}: where`);
	return compiled.everything ? undefined : compiled;
}

/** The rows that a filter lets through; undefined where it is every row. */
export async function filterOf(
	core: Core,
	where: string,
	condition: unknown,
	signal?: AbortSignal,
): Promise<RidSet | undefined> {
	const compiled = compileFilter(core, where, condition);
	if (compiled === undefined) return undefined;
	const known = core.sets.peek(compiled);
	if (known !== undefined) return known;
	try {
		return await core.sets.get(compiled, signal);
	} catch (error) {
		throwIfAborted(where, signal);
		throw error;
	}
}

/** Rids of the rows that match, ascending: at once where an index leads to them, in slices otherwise. */
export async function ridsWhere(
	core: Core,
	where: string,
	{ sql, scanSql, params, indexed }: CompiledWhere,
	signal?: AbortSignal,
): Promise<number[]> {
	if (indexed) {
		const rows = core.store.reader.db
			.prepare(`SELECT d.rid AS rid FROM docs d WHERE ${sql} ORDER BY d.rid`)
			.all(...params);
		return rows.map(({ rid }) => rid as number);
	}
	const statement = core.store.reader.db.prepare(
		`SELECT d.rid AS rid FROM docs d WHERE d.rid > ? AND d.rid <= ? AND ${scanSql} ORDER BY d.rid`,
	);
	const found: number[] = [];
	await inRanges(core, where, signal, (after, upTo) => {
		for (const { rid } of statement.all(after, upTo, ...params)) found.push(rid as number);
	});
	return found;
}

/** How many rows match. */
export async function countWhere(
	core: Core,
	where: string,
	{ sql, scanSql, params, indexed }: CompiledWhere,
	signal?: AbortSignal,
): Promise<number> {
	const { db } = core.store.reader;
	if (indexed) return Number(db.prepare(`SELECT count(*) AS n FROM docs d WHERE ${sql}`).get(...params)?.['n']);
	const statement = db.prepare(`SELECT count(*) AS n FROM docs d WHERE d.rid > ? AND d.rid <= ? AND ${scanSql}`);
	let count = 0;
	await inRanges(core, where, signal, (after, upTo) => {
		count += Number(statement.get(after, upTo, ...params)?.['n']);
	});
	return count;
}

/** Calls `look` with ranges of rids that take a few milliseconds each. */
async function inRanges(
	core: Core,
	where: string,
	signal: AbortSignal | undefined,
	look: (after: number, upTo: number) => void,
): Promise<void> {
	const { lastRid } = core.store.counters;
	const slice = new Slice();
	let width = 2000;
	for (let after = 0; after < lastRid; ) {
		const upTo = Math.min(lastRid, after + width);
		const start = performance.now();
		look(after, upTo);
		const took = performance.now() - start;
		if (took < 2) width *= 2;
		else if (took > 6 && width > 500) width = Math.ceil(width / 2);
		after = upTo;
		if (!slice.isOver) continue;
		await slice.next();
		throwIfAborted(where, signal);
		core.checkOpen(where);
	}
}
