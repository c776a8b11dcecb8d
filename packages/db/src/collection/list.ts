/** Rows in the order of their ids. */

import { throwIfAborted } from '../check.ts';
import type { Doc } from '../rows/rows.ts';
import { idValue } from '../rows/rows.ts';
import type { SqlValue } from '../storage/driver.ts';
import type { Id } from '../types.ts';
import type { CompiledWhere } from '../where/compile.ts';
import type { Core } from './core.ts';
import { Slice } from './turns.ts';

const COLUMNS = 'd.rid AS rid, d.id AS id, d.meta AS meta, d.text AS text';

/** Ids looked at between two looks at the clock, where no index leads to the rows. */
const STEP = 2000;

/** Rows that match, with ids after `after`, at most `limit`. */
export async function listDocs(
	core: Core,
	where: string,
	compiled: CompiledWhere | undefined,
	after: Id | undefined,
	limit: number,
	signal: AbortSignal | undefined,
): Promise<Doc[]> {
	const { db } = core.store.reader;
	const start = after === undefined ? undefined : idValue(after);
	if (compiled === undefined || compiled.indexed) {
		const { sql, params } = compiled ?? { sql: '1', params: [] };
		const [from, values] = afterId(start);
		const text = `SELECT ${COLUMNS} FROM docs d WHERE ${from} AND ${sql} ORDER BY d.id LIMIT ?`;
		return db.prepare(text).all(...values, ...params, limit) as unknown as Doc[];
	}
	const slice = new Slice();
	const found: Doc[] = [];
	let from = start;
	while (found.length < limit) {
		const [condition, values] = afterId(from);
		const last = db
			.prepare(`SELECT d.id AS id FROM docs d WHERE ${condition} ORDER BY d.id LIMIT 1 OFFSET ?`)
			.get(...values, STEP)?.['id'];
		const [to, upTo] = last === undefined ? ['1', []] : ['d.id <= ?', [bound(last)]];
		const text = `SELECT ${COLUMNS} FROM docs d WHERE ${condition} AND ${to} AND ${compiled.scanSql} ORDER BY d.id LIMIT ?`;
		const docs = db.prepare(text).all(...values, ...upTo, ...compiled.params, limit - found.length);
		found.push(...(docs as unknown as Doc[]));
		if (last === undefined) break;
		from = bound(last);
		if (!slice.isOver) continue;
		await slice.next();
		throwIfAborted(where, signal);
		core.checkOpen(where);
	}
	return found;
}

function afterId(id: SqlValue | undefined): [string, SqlValue[]] {
	return id === undefined ? ['1', []] : ['d.id > ?', [id]];
}

function bound(id: SqlValue): string | bigint {
	return idValue(id as Id);
}
