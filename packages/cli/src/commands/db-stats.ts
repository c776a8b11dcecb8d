/**
 * vecino db stats: what a collection is, how large, and whether anything should be done about it.
 */

import type { CollectionInfo, CollectionStats } from '@vecino/db';
import type { Command } from 'commander';
import { addCommand, type Context, withContext } from '../context.ts';
import { bytes, count, facts } from '../output.ts';

const HELP = `
Example:
  vecino db stats news`;

export function registerDbStats(program: Command): void {
	addCommand(program, 'stats <path>', 'describe a collection: rows, index, cells, bytes, health')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string): Promise<object> {
	const { inspect, openCollection } = await import('../collections.ts');
	const info = inspect(path);
	await using collection = await openCollection(path, { readOnly: true });
	const { verdict, reasons, stats } = await collection.health();
	context.say(renderStats(info, stats));
	const advice = verdict === 'optimize' ? `; vecino db optimize ${path} makes it better` : '';
	context.say(`\nhealth: ${verdict}${advice}`);
	for (const reason of reasons) context.say(`  ${reason}`);
	const fields = info.schema === undefined ? null : info.schema;
	return {
		command: 'db stats',
		path,
		created: info.created,
		originals: info.originals,
		schema: fields,
		verdict,
		reasons,
		stats,
	};
}

/** Statistics as facts, one a line. */
export function renderStats(
	info: Pick<CollectionInfo, 'schema' | 'originals' | 'created'>,
	stats: CollectionStats,
): string {
	const { vectors, dimension, metric, index, model, clusters, nprobe, sealed, delta, dead, drift } = stats;
	const rows: [string, string][] = [
		['vectors', `${count(vectors)}${dimension === undefined ? '' : ` of dimension ${dimension}`}, ${metric}`],
		['index', index],
	];
	if (clusters.n > 0) {
		const { n, mean, min, max, empty } = clusters;
		rows.push(['cells', `${count(n)}: ${mean.toFixed(1)} vectors on average, ${min} to ${max}, ${empty} empty`]);
		rows.push(['nprobe', count(nprobe)]);
	}
	rows.push(
		['in files', `${count(sealed)} rows in ${count(stats.segments)}, ${count(delta)} not yet, ${count(dead)} dead`],
		['on disk', `${bytes(stats.bytes.files)} (index ${bytes(stats.bytes.live)}, dead ${bytes(stats.bytes.dead)})`],
		['in memory', bytes(stats.bytes.memory)],
		['originals', info.originals],
		['schema', info.schema === undefined ? 'any field' : Object.keys(info.schema).join(', ')],
		['embedder', model ?? 'none'],
		['made', info.created],
	);
	if (drift !== undefined) rows.push(['drift', drift.toFixed(2)]);
	if (stats.background !== 'idle') rows.push(['background', stats.background]);
	if (stats.backgroundError !== undefined) rows.push(['failed', stats.backgroundError]);
	return facts(rows);
}
