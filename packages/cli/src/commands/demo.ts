/**
 * vecino demo: what cells and product quantization do, on data that needs no download.
 */

import type { Command } from 'commander';
import { addCommand, type Context, withContext } from '../context.ts';
import { memorySource, openFile, type Split, split } from '../data.ts';
import { renderArticle, runArticle } from '../demo/article.ts';
import { renderBook, runBook } from '../demo/book.ts';
import { renderToy, runToy } from '../demo/toy.ts';
import { UsageError } from '../errors.ts';
import { seedOption } from '../options.ts';
import { seconds } from '../output.ts';
import { CENTRE_SPREAD, siftLike } from '../synthetic.ts';
import { registerDemoHeadlines } from './demo-headlines.ts';

interface DemoOptions {
	readonly queries?: string;
	readonly full?: boolean;
	readonly seed: number;
}

const QUERIES = 100;
const ROWS = 20_000;
const FULL_ROWS = 500_000;

const HELP = `
Three parts:
  1. The worked demo of a book on IVF and PQ, its numbers beside ours. The data
     are another draw of the same recipe: 40 cluster centres N(0, ${CENTRE_SPREAD ** 2}), 10,000
     points N(centre, 1), 64 dimensions, 100 queries close to points. The spread
     of the centres was chosen, once and for all, so that the recalls have the
     shape of the book's.
  2. Product quantization of 12 numbers, step by step.
  3. Flat, PQ and IVFPQ side by side, as in an article on PQ: on your vectors, or
     on generated ones that compress about as SIFT descriptors do
     (${ROWS} x 128; with --full ${FULL_ROWS} x 128, as in the article).`;

export function registerDemo(program: Command): void {
	// Options behind the name of a command are that command's: demo headlines has some of the names that demo has.
	program.enablePositionalOptions();
	const demo = addCommand(program, 'demo [vectors]', 'see what cells and compression do to recall, memory and speed')
		.enablePositionalOptions()
		.helpCommand(false)
		.option('--queries <file>', `queries for part 3 (default: ${QUERIES} of the vectors, held out)`)
		.option('--full', `part 3 on ${FULL_ROWS} vectors: minutes rather than seconds`)
		.addOption(seedOption())
		.addHelpText('after', HELP)
		.action(withContext(run));
	registerDemoHeadlines(demo);
}

async function run(context: Context, file: string | undefined, options: DemoOptions): Promise<object> {
	const { seed, full = false, queries } = options;
	if (full && file !== undefined) throw new UsageError('--full is for generated vectors; a file is taken as it is');
	if (queries !== undefined && file === undefined) throw new UsageError('--queries belongs to a file of vectors');
	const start = performance.now();
	// A file that cannot be used is to be known before the first table, not after it.
	const given = file === undefined ? undefined : await readGiven(context, file, queries, seed);

	context.say(heading(1, 'cells, codes, and both: the book'));
	const book = await runBook(context, seed);
	context.say(`${renderBook(book)}\n`);

	context.say(heading(2, 'product quantization of 12 numbers'));
	const toy = runToy();
	context.say(`${renderToy(toy)}\n`);

	context.say(heading(3, 'Flat, PQ and IVFPQ side by side: the article'));
	const data = given ?? (await generate(context, full, seed));
	const article = await runArticle(context, data, seed);
	const took = (performance.now() - start) / 1000;
	context.say(`${renderArticle(article, file === undefined)}\n`);
	context.say(`All of it took ${seconds(took)} on one thread.\n\n${next(file)}`);
	return { command: 'demo', seed, book, toy, article, seconds: took };
}

async function readGiven(context: Context, file: string, queries: string | undefined, seed: number): Promise<Split> {
	await using source = await openFile(file, context);
	const heldOut = Math.min(QUERIES, Math.max(1, Math.floor(source.n / 4)));
	return await split(context, source, { queries: queries ?? heldOut, seed });
}

async function generate(context: Context, full: boolean, seed: number): Promise<Split> {
	const n = full ? FULL_ROWS : ROWS;
	context.progress.report({ phase: `generate ${n} vectors`, done: 0, total: 0 });
	await context.breathe();
	return split(context, memorySource('generated, SIFT-like', siftLike(n + QUERIES, seed)), { queries: QUERIES, seed });
}

function heading(part: number, title: string): string {
	const text = `${part}. ${title}`;
	return `${text}\n${'='.repeat(text.length)}\n`;
}

function next(file: string | undefined): string {
	const name = file ?? 'your.npy';
	return `Try next, on your own vectors:
  vecino estimate ${name}
  vecino build ${name} -o your.vecino
  vecino recall your.vecino --vectors ${name} --queries 100`;
}
