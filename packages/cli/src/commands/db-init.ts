/**
 * vecino db init: makes a collection.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Schema } from '@vecino/db';
import { type Command, Option } from 'commander';
import { type EmbedderOptions, embedderOptions, readSchema } from '../collection-options.ts';
import { addCommand, type Context, withContext } from '../context.ts';
import { UsageError } from '../errors.ts';
import { integer } from '../options.ts';
import { facts } from '../output.ts';

interface InitOptions extends EmbedderOptions {
	readonly dimension?: number;
	readonly metric: 'cosine' | 'l2' | 'ip';
	readonly index: string;
	readonly originals: 'f32' | 'f16' | 'sq8' | 'none';
	readonly schema?: Schema;
}

const HELP = `
What is chosen here stays: the dimension, the metric, the index, how vectors are
kept, the model that embeds texts. Fields can be added to the schema later.

--index auto searches exactly while that is quick, and makes cells and codes as
the collection grows. Or name an index: IVF256,PQ32x4fs,Refine(SQ8).

--schema names fields and their types; filters on them are answered by an index,
and a misspelt field is an error. Types: string, number, integer, boolean,
datetime, string[], number[], json. Without a schema, any field may be there.

Keys of paid embedders come from OPENAI_API_KEY and GEMINI_API_KEY.

Examples:
  vecino db init news --embedder offline --schema genre:string,year:integer
  vecino db init papers --dimension 768 --originals f16`;

export function registerDbInit(program: Command): void {
	const [embedder, url] = embedderOptions();
	addCommand(program, 'init <path>', 'make a collection')
		.option(
			'--dimension <n>',
			'numbers per vector (default: of the embedder, or of the first vector)',
			integer(1, 65535),
		)
		.addOption(
			new Option('--metric <name>', 'cosine, l2 (squared Euclidean) or ip (inner product)')
				.choices(['cosine', 'l2', 'ip'])
				.default('cosine'),
		)
		.option('--index <factory>', 'auto, or a factory string', 'auto')
		.addOption(
			new Option('--originals <kind>', 'how vectors are kept on disk')
				.choices(['f32', 'f16', 'sq8', 'none'])
				.default('f32'),
		)
		.option('--schema <fields>', 'fields of the metadata: name:type,name:type', readSchema)
		.addOption(embedder)
		.addOption(url)
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, options: InitOptions): Promise<object> {
	const { dimension, metric, index, originals, schema } = options;
	if (existsSync(join(path, 'meta.db'))) throw new UsageError(`${path} is a collection already`);
	const { makeEmbedder } = await import('../collections.ts');
	const { inspectCollection, open } = await import('@vecino/db');
	const embedder = options.embedder === undefined ? undefined : makeEmbedder(options.embedder, options, dimension);
	const collection = await open(path, {
		metric,
		index,
		originals,
		...(dimension !== undefined && { dimension }),
		...(schema !== undefined && { schema }),
		...(embedder !== undefined && { embedder }),
	});
	await collection.close();
	const { rows: _, ...info } = inspectCollection(path);
	context.say(
		`made ${path}\n\n${facts([
			['dimension', info.dimension === undefined ? 'that of the first vector' : String(info.dimension)],
			['metric', info.metric],
			['index', info.index],
			['originals', info.originals],
			['schema', info.schema === undefined ? 'any field' : Object.keys(info.schema).join(', ')],
			['embedder', info.model ?? 'none: give vectors'],
		])}`,
	);
	return { command: 'db init', path, ...info };
}
