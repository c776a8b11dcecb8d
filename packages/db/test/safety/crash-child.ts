/**
 * A process that writes to a collection until it is killed: says what it is about to do, does it, says that it is done.
 * Lines on stdout, each written before the next thing happens:
 *
 *   ready
 *   begin {"put": [[id, version], ...]} | {"delete": [id, ...]} | {"edit": [id, edits]}
 *   done
 *
 * Arguments: folder, seed, ids as JSON [[id, version, edits], ...] on stdin.
 */
import { readFileSync, writeSync } from 'node:fs';
import { openWith } from '../../dist/collection/open.js';
import { entryOf, metaOf, random, SCHEMA, SMALL } from './rows.ts';

const [folder, seed] = [process.argv[2]!, Number(process.argv[3])];
const known = new Map<number, { version: number; edits: number }>();
for (const [id, version, edits] of JSON.parse(readFileSync(0, 'utf8')) as [number, number, number][])
	known.set(id, { version, edits });
/** Of ids that were deleted too: a version is never used twice. */
let newest = Math.max(0, ...[...known.values()].map(({ version }) => version));
let highest = Math.max(0, ...known.keys());

const say = (line: string): void => {
	writeSync(1, `${line}\n`);
};
const below = random(seed);
const collection = await openWith(
	folder,
	{ dimension: 8, metric: 'l2', index: 'IVF4,Flat', schema: SCHEMA },
	{ thresholds: SMALL },
);
say('ready');
for (;;) {
	const ids = [...known.keys()];
	const kind = below(10);
	newest++;
	if (kind < 5 || ids.length < 50) {
		const fresh = Array.from({ length: 1 + below(40) }, () => ++highest);
		const again = kind < 2 ? ids.slice(below(ids.length || 1)).slice(0, below(20)) : [];
		const rows = [...fresh, ...again].map((id) => [id, newest] as const);
		say(`begin ${JSON.stringify({ put: rows })}`);
		await collection.upsert(rows.map(([id, version]) => entryOf(id, version)));
		for (const [id, version] of rows) known.set(id, { version, edits: 0 });
	} else if (kind < 8) {
		const at = below(ids.length);
		const gone = ids.slice(at, at + 1 + below(ids.length > 1000 ? 60 : 25));
		say(`begin ${JSON.stringify({ delete: gone })}`);
		await collection.delete(gone);
		for (const id of gone) known.delete(id);
	} else {
		const id = ids[below(ids.length)]!;
		const { version, edits } = known.get(id)!;
		say(`begin ${JSON.stringify({ edit: [id, edits + 1] })}`);
		await collection.update(id, metaOf(id, version, edits + 1));
		known.set(id, { version, edits: edits + 1 });
	}
	say('done');
	if (below(30) === 0) void collection.optimize().catch(() => {});
}
