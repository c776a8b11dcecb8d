/**
 * vecino db verify: whether a collection is whole, and mending what is not.
 */

import type { Problem } from '@vecino/db';
import type { Command } from 'commander';
import { addCommand, type Context, withContext } from '../context.ts';
import { Failure } from '../errors.ts';
import { bytes, count, plural } from '../output.ts';

interface VerifyCommandOptions {
	readonly repair?: boolean;
	readonly quick?: boolean;
}

const HELP = `
Looks at the database, at every row (its vector, words and values) and at every index
file, and changes nothing; the collection may be open elsewhere. The exit code is 1
when something is wrong.

--repair makes again what can be made again of the rows; nobody may have the
collection open. What exists only once and is gone is named.

Examples:
  vecino db verify news
  vecino db verify news --repair`;

export function registerDbVerify(program: Command): void {
	addCommand(program, 'verify <path>', 'look for damage; with --repair, mend it')
		.option('--repair', 'mend what can be mended')
		.option('--quick', 'leave out what takes long')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string, options: VerifyCommandOptions): Promise<object> {
	const { inspect } = await import('../collections.ts');
	const { repair, verify } = await import('@vecino/db');
	inspect(path);
	if (options.repair !== true) {
		const report = await verify(path, { quick: options.quick, ...context.run });
		context.progress.stop();
		const { rows, vectors, texts, files, fileBytes } = report.checked;
		if (!report.ok) return fail(context, path, report.problems, { ...report });
		context.say(
			`${path} is whole: ${plural(rows, 'row')}, ${plural(vectors, 'vector')}, ${plural(texts, 'text')}, ${plural(files, 'index file')} (${bytes(fileBytes)})`,
		);
		return { command: 'db verify', path, ...report };
	}
	const { ok, repaired, remaining, checked } = await repair(path, context.run);
	context.progress.stop();
	context.say(repaired.length === 0 ? 'nothing could be mended' : `mended:\n${list(repaired)}`);
	if (!ok) return fail(context, path, remaining, { repaired, remaining, checked });
	context.say(`${path} is whole: ${count(checked.rows)} rows`);
	return { command: 'db verify', path, ok, repaired, remaining, checked };
}

/** Says what is wrong, on stdout, and ends with exit code 1. */
function fail(context: Context, path: string, problems: readonly Problem[], report: object): never {
	context.say(problems.map(({ what, how }) => `${what}. ${how}`).join('\n'));
	if (context.json) {
		const document = { command: 'db verify', path, ok: false, ...report };
		process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
	}
	const mend = problems.some(({ repairable }) => repairable) ? `; vecino db verify ${path} --repair mends` : '';
	throw new Failure(`${path}: ${plural(problems.length, 'problem')}${mend}`);
}

function list(problems: readonly Problem[]): string {
	return problems.map(({ what }) => `  ${what}`).join('\n');
}
