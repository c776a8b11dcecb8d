/**
 * vecino convert: a vector file in another format.
 */

import { basename } from 'node:path';
import type { Command } from 'commander';
import { convertVectors } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { checkOutput, checkVectorName } from '../data.ts';
import { bytes, plural } from '../output.ts';

const HELP = `
Formats, by extension: .npy (NumPy), .fvecs (float32), .bvecs (integers 0 to
255), .ivecs (int32). Nothing is lost silently: a value that the output cannot
hold is an error that names its row; only float64 is rounded, to float32.

Example:
  vecino convert base.fvecs base.npy`;

export function registerConvert(program: Command): void {
	addCommand(program, 'convert <input> <output>', 'convert vectors between .npy, .fvecs, .bvecs and .ivecs')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, input: string, output: string): Promise<object> {
	checkVectorName(output);
	await checkOutput(output, [input]);
	const { n, d, byteLength } = await convertVectors(input, output, context.run);
	context.say(`${output}: ${plural(n, 'vector')} of dimension ${d} from ${basename(input)}, ${bytes(byteLength)}`);
	return { command: 'convert', input, output, n, d, fileBytes: byteLength };
}
