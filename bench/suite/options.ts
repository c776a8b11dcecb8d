/** The suite's command line. */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { cellsFor, PRESETS } from './configs.ts';
import type { Mode } from './protocol.ts';
import type { SetOptions } from './sets.ts';

export interface SuiteOptions {
	readonly set: SetOptions;
	readonly task: 'suite' | 'build' | 'codes';
	readonly configs: readonly string[];
	/** Kernels of the further vecino sides. */
	readonly kernels: readonly string[];
	readonly python: string | undefined;
	readonly core: string | undefined;
	readonly rounds: number;
	readonly modes: readonly Mode[];
	readonly nprobes: readonly number[] | undefined;
	readonly kFactors: readonly number[];
	readonly batch: number | undefined;
	readonly roundSeconds: number;
	readonly clock: 'wall' | 'cpu';
	readonly out: string;
}

export const USAGE: string = `npm run bench -- [data folder] [options]

data      --data <name in the data folder, folder, or file>   default: sift-free-100k
          --generate <rows>x<dimensions>   --metric l2|ip|cosine   --queries 1000   --limit <rows>   --seed 1
engines   --python <python with FAISS>   --kernels simd (repeat; adds vecino on those kernels)
what      --config <name> (repeat)   --preset ${Object.keys(PRESETS).join('|')}
          --mode single|batch (default: both, in tables of their own)
          --build <name> (repeat): train and add only   --codes: nanoseconds per code
how       --core 1 (any: not pinned)   --clock wall|cpu (processor time, on a busy machine)
            --rounds 7   --round-seconds 0.5   --batch <queries>
          --nprobe 1,2,4,...   --kfactor 1,4,10,...
output    --out bench/results/<date>   --cache bench/.cache
          --quick: 2,000 generated rows, to see that all of it works`;

const here = fileURLToPath(new URL('..', import.meta.url));

export function parseOptions(args: readonly string[]): SuiteOptions {
	const { values, positionals } = parseArgs({
		args: [...args],
		allowPositionals: true,
		options: {
			data: { type: 'string' },
			generate: { type: 'string' },
			metric: { type: 'string' },
			queries: { type: 'string' },
			limit: { type: 'string' },
			seed: { type: 'string', default: '1' },
			python: { type: 'string' },
			kernels: { type: 'string', multiple: true, default: [] },
			config: { type: 'string', multiple: true },
			preset: { type: 'string' },
			mode: { type: 'string' },
			build: { type: 'string', multiple: true },
			codes: { type: 'boolean', default: false },
			core: { type: 'string' },
			clock: { type: 'string', default: 'wall' },
			rounds: { type: 'string' },
			'round-seconds': { type: 'string' },
			batch: { type: 'string' },
			nprobe: { type: 'string' },
			kfactor: { type: 'string', default: '1,2,4,10,20' },
			out: { type: 'string' },
			cache: { type: 'string', default: join(here, '.cache') },
			quick: { type: 'boolean', default: false },
		},
	});
	const { quick } = values;
	const task = values.build ? 'build' : values.codes ? 'codes' : 'suite';
	const generated = values.generate ?? (quick ? '2000x32' : values.codes && !values.data ? '200000x128' : undefined);
	const preset = values.preset ?? (quick ? 'quick' : 'default');
	const configs = values.build ?? values.config ?? PRESETS[preset];
	if (configs === undefined) throw new RangeError(`--preset takes ${Object.keys(PRESETS).join(', ')}, got ${preset}`);
	const number = (name: 'seed' | 'limit' | 'batch' | 'rounds' | 'queries' | 'round-seconds', least: number) => {
		const text = values[name];
		if (text === undefined || Number(text) >= least) return text === undefined ? undefined : Number(text);
		throw new RangeError(`--${name} takes a number of at least ${least}, got ${text}`);
	};
	const mode = values.mode;
	if (mode !== undefined && mode !== 'single' && mode !== 'batch') {
		throw new RangeError(`--mode takes single or batch, got ${mode}`);
	}
	const { clock } = values;
	if (clock !== 'wall' && clock !== 'cpu') throw new RangeError(`--clock takes wall or cpu, got ${clock}`);
	return {
		set: {
			data: generated === undefined ? dataPath(values.data ?? 'sift-free-100k', positionals[0]) : undefined,
			generate: generated,
			metric: values.metric,
			queries: number('queries', 1) ?? (quick ? 100 : 1000),
			limit: number('limit', 100),
			seed: number('seed', 0)!,
			cache: resolve(values.cache),
		},
		task,
		configs,
		kernels: values.kernels,
		python: values.python,
		core: values.core === 'any' ? undefined : (values.core ?? (quick ? undefined : pinned())),
		rounds: number('rounds', 1) ?? (quick || task === 'build' ? 3 : 7),
		modes: mode === undefined ? ['single', 'batch'] : [mode],
		nprobes: values.nprobe === undefined ? undefined : list('nprobe', values.nprobe),
		kFactors: list('kfactor', values.kfactor),
		batch: number('batch', 1),
		clock,
		roundSeconds: number('round-seconds', 0.001) ?? (quick ? 0.02 : 0.5),
		out: resolve(values.out ?? join(here, 'results', new Date().toISOString().replace(/[:T]/g, '-').slice(0, 19))),
	};
}

/** 1, 2, 4 ... up to a quarter of the cells that fit n vectors, at most 256. */
export function defaultNprobes(n: number): number[] {
	const most = Math.min(256, cellsFor(n) / 4);
	return Array.from({ length: Math.floor(Math.log2(most)) + 1 }, (_, i) => 2 ** i);
}

function list(name: string, text: string): number[] {
	const values = text.split(',').map(Number);
	if (values.every((value) => value >= 1)) return values;
	throw new RangeError(`--${name} takes numbers from 1 separated by commas, got ${text}`);
}

/** taskset is Linux's. */
function pinned(): string | undefined {
	return process.platform === 'linux' ? '1' : undefined;
}

/** A path that is there, else a name in the data folder: given, VECINO_DATA, or ../shared/data beside the repository. */
function dataPath(name: string, folder: string | undefined): string {
	if (existsSync(name)) return resolve(name);
	const beside = join(here, '../../shared/data');
	const path = join(folder ?? process.env['VECINO_DATA'] ?? beside, name);
	if (existsSync(path)) return path;
	throw new RangeError(`no data at ${path}: give --data <path>, a data folder, VECINO_DATA, or --generate 100000x128`);
}
