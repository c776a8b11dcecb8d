/**
 * vecino convert: a vector file or an index file in another format.
 */

import { basename } from 'node:path';
import type { Command } from 'commander';
import { convertVectors } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { checkOutput, checkVectorName } from '../data.ts';
import { identify } from '../describe.ts';
import { UsageError } from '../errors.ts';
import { indexFormatNamed, indexFormatOf, openIndexFile, saveIndexFile } from '../index-files.ts';
import { bytes, plural } from '../output.ts';

const HELP = `
Vectors, by extension: .npy (NumPy), .fvecs (float32), .bvecs (integers 0 to
255), .ivecs (int32). Nothing is lost silently: a value that the output cannot
hold is an error that names its row; only float64 is rounded, to float32.

Indexes: .vecino and FAISS's files, to be named .faiss or .index. What vecino or
FAISS does not have is an error that names it.

Examples:
  vecino convert base.fvecs base.npy
  vecino convert sift.faiss sift.vecino
  vecino convert sift.vecino sift.faiss`;

export function registerConvert(program: Command): void {
	addCommand(
		program,
		'convert <input> <output>',
		'convert vectors (.npy, .fvecs, .bvecs, .ivecs) or an index (.vecino, FAISS)',
	)
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, input: string, output: string): Promise<object> {
	const from = await indexFormatOf(input);
	const to = indexFormatNamed(output);
	if (from === undefined && to === undefined) return convertVectorFile(context, input, output);
	if (to === undefined) throw new UsageError(`${input} is an index: name the output .vecino or .faiss`);
	if (from === undefined) throw new UsageError(`${input} is no index; vecino build makes one of vectors`);
	await checkOutput(output, [input]);
	using index = await openIndexFile(input, context);
	const { byteLength } = await saveIndexFile(index, output, to, context);
	const identity = identify(index);
	const { type, ntotal, d } = identity;
	context.say(`${output}: ${type}, ${plural(ntotal, 'vector')} of dimension ${d}, ${bytes(byteLength)}`);
	return { command: 'convert', input, output, from, to, index: identity, fileBytes: byteLength };
}

async function convertVectorFile(context: Context, input: string, output: string): Promise<object> {
	checkVectorName(output);
	await checkOutput(output, [input]);
	const { n, d, byteLength } = await convertVectors(input, output, context.run);
	context.say(`${output}: ${plural(n, 'vector')} of dimension ${d} from ${basename(input)}, ${bytes(byteLength)}`);
	return { command: 'convert', input, output, n, d, fileBytes: byteLength };
}
