/**
 * vecino db optimize: everything as good as it gets, now.
 */

import type { Command } from 'commander';
import { type EmbedderOptions, embedderOptions } from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { bytes, seconds } from '../output.ts';

const HELP = `
Fits the offline embedder to the texts there are, puts new rows into the index,
gives back what deleted rows take, makes cells anew where the vectors have changed,
and measures recall. A collection does all of it by itself as it grows; this does it
at once, after a large import for example.

Example:
  vecino db optimize news`;

export function registerDbOptimize(program: Command): void {
	const [embedder, url] = embedderOptions();
	addCommand(program, 'optimize <path>', 'bring the index up to date, give back what deleted rows take')
		.addOption(embedder)
		.addOption(url)
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, options: EmbedderOptions): Promise<object> {
	const { inspect, openCollection } = await import('../collections.ts');
	const offline = inspect(path).model?.startsWith('offline') === true;
	await using collection = await openCollection(path, { ...options, texts: offline });
	const before = await collection.stats();
	const start = performance.now();
	await collection.optimize(context.run);
	const took = (performance.now() - start) / 1000;
	context.progress.stop();
	const after = await collection.stats();
	context.say(
		`${path} in ${seconds(took)}: ${after.index}, ${bytes(after.bytes.files)} on disk (before: ${before.index}, ${bytes(before.bytes.files)})`,
	);
	return { command: 'db optimize', path, seconds: took, before, after };
}
