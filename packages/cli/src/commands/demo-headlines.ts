/**
 * vecino demo headlines: a collection of headlines, step by step.
 */

import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { addCommand, type Context, withContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { seconds } from '../output.ts';

interface HeadlinesOptions {
	readonly vectors?: string;
	readonly keep?: string;
}

const HELP = `
304 invented headlines in 8 genres go into a collection and are found by what they
say: cells, new rows, a filter, words beside vectors, a deletion, reopening.

--vectors takes a folder with embeddings of a real model: vectors.npy, metadata.jsonl
(headline, genre, and in: "query" for those held out), query.fvecs, groundtruth.ivecs.

Examples:
  vecino demo headlines
  vecino demo headlines --keep news && vecino db query news "marathon"`;

export function registerDemoHeadlines(demo: Command): void {
	addCommand(demo, 'headlines', 'a collection of headlines: texts, genres, filters, deletions')
		.option('--vectors <folder>', 'also headlines with embeddings of a model, and their ground truth')
		.option('--keep <path>', 'keep the collection, in a new folder')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, { vectors, keep }: HeadlinesOptions): Promise<object> {
	if (keep !== undefined && existsSync(keep))
		throw new UsageError(`${keep} is there already; --keep makes a new folder`);
	const { runHeadlines } = await import('../demo/headlines.ts');
	const { renderHeadlines, renderHeldOut } = await import('../demo/headlines-text.ts');
	const { readHeldOut, runHeldOut } = await import('../demo/headlines-vectors.ts');
	const start = performance.now();
	// A folder that cannot be used is to be known before the first table, not after it.
	const given = vectors === undefined ? undefined : await readHeldOut(context, vectors);
	const temporary = keep === undefined ? await mkdtemp(join(tmpdir(), 'vecino-headlines-')) : undefined;
	try {
		const result = await runHeadlines(context, keep ?? temporary!);
		context.say(renderHeadlines(result));
		if (given === undefined) return { command: 'demo headlines', ...result, seconds: finish(context, start, keep) };
		const heldOut = await runHeldOut(context, given);
		context.say(`\n${renderHeldOut(heldOut)}`);
		return { command: 'demo headlines', ...result, heldOut, seconds: finish(context, start, keep) };
	} finally {
		if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
	}
}

function finish(context: Context, start: number, keep: string | undefined): number {
	const took = (performance.now() - start) / 1000;
	const path = keep ?? 'news';
	const make = keep === undefined ? `  vecino demo headlines --keep ${path}\n` : '';
	context.say(`
All of it took ${seconds(took)}.

Try next:
${make}  vecino db query ${path} "shares fall" --where '{"genre":"Business"}'
  vecino db stats ${path}`);
	return took;
}
