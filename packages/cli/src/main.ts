/**
 * The program `vecino`. Runs when imported; bin/vecino.js does that.
 */

import { createRequire } from 'node:module';
import { Command } from 'commander';
import { registerBuild } from './commands/build.ts';
import { registerConvert } from './commands/convert.ts';
import { registerDb } from './commands/db.ts';
import { registerDemo } from './commands/demo.ts';
import { registerEstimate } from './commands/estimate.ts';
import { registerExplain } from './commands/explain.ts';
import { registerExplore } from './commands/explore.ts';
import { registerInfo } from './commands/info.ts';
import { registerRecall } from './commands/recall.ts';
import { registerSearch } from './commands/search.ts';
import { registerTune } from './commands/tune.ts';
import { explain, oneLine } from './errors.ts';

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

const HELP = `
Start with:
  vecino demo                what cells and compression do, on generated vectors
  vecino estimate your.npy   the same measured on your own
  vecino tune your.npy       the index that reaches recall 0.95 on them
  vecino db --help           collections: ids, texts, metadata, filters

Vector files are .npy, .fvecs, .bvecs or .ivecs. Every command takes --json.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`;

function createProgram(): Command {
	const program = new Command('vecino')
		.description('Vector search that fits in memory: estimate, build, search and inspect indexes.')
		.version(version, '-v, --version', 'print the version')
		.helpOption('-h, --help', 'explain a command')
		.helpCommand('help [command]', 'explain a command')
		.configureHelp({ showGlobalOptions: false })
		.configureOutput({ outputError: (text, write) => write(`vecino: ${oneLine(text).replace(/^error: /, '')}\n`) })
		.exitOverride()
		.addHelpText('after', HELP);
	registerDemo(program);
	registerEstimate(program);
	registerTune(program);
	registerBuild(program);
	registerSearch(program);
	registerRecall(program);
	registerExplain(program);
	registerExplore(program);
	registerInfo(program);
	registerConvert(program);
	registerDb(program);
	return program;
}

// `vecino ... | head` closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
	if (error.code === 'EPIPE') process.exit(0);
	throw error;
});

try {
	await createProgram().parseAsync();
} catch (error) {
	const { exitCode, line } = explain(error);
	if (line !== undefined) process.stderr.write(`vecino: ${line}\n`);
	if (process.argv.includes('--debug') && line !== undefined && error instanceof Error) {
		process.stderr.write(`${error.stack}\n`);
	}
	process.exitCode = exitCode;
}
