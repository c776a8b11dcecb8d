/**
 * vecino beside FAISS: the same parameters on the same data, one thread each on one core, in turns.
 *
 *   node bench/engine/compare.ts [data folder] [--core 1] [--rounds 3] [--python python3]
 *
 * Prints a markdown table and the numbers as JSON. Medians of the rounds.
 */
import { spawnSync } from 'node:child_process';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { dataFolder, median, table } from './data.ts';

interface Searches {
	readonly nprobe: number;
	readonly recall: number;
	readonly singleMs: number;
	readonly batchMs: number;
}

interface IvfRun {
	readonly engine: string;
	readonly compileOptions?: string;
	readonly blas?: readonly string[];
	readonly trainS: number;
	readonly addS: number;
	readonly results: readonly Searches[];
	readonly refined: readonly Searches[];
}

interface SizesRun {
	readonly flat: number;
	readonly pq8: number;
}

const { values: options, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		core: { type: 'string', default: '1' },
		rounds: { type: 'string', default: '3' },
		python: { type: 'string', default: 'python3' },
	},
});
const folder = dataFolder(positionals[0]);
const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const programs = {
	ours: [process.execPath, script('vecino.ts')],
	faiss: [options.python, script('faiss.py')],
} as const;

function run<T>(who: keyof typeof programs, job: string): T {
	const command = [...programs[who], job, folder];
	const pinned = process.platform === 'linux' ? ['taskset', '-c', options.core, ...command] : command;
	const { status, stdout, stderr, error } = spawnSync(pinned[0]!, pinned.slice(1), { encoding: 'utf8' });
	if (status === 0) return JSON.parse(stdout.trim().split('\n').at(-1)!) as T;
	console.error(`${pinned.join(' ')} failed: ${error?.message ?? stderr}`);
	process.exit(1);
}

function inTurns(job: string): { ours: IvfRun[]; faiss: IvfRun[] } {
	const found: { ours: IvfRun[]; faiss: IvfRun[] } = { ours: [], faiss: [] };
	for (let round = 0; round < Number(options.rounds); round++) {
		// The one that goes first changes, so that none profits from a rested processor.
		const order = round % 2 === 0 ? (['ours', 'faiss'] as const) : (['faiss', 'ours'] as const);
		for (const who of order) found[who].push(run<IvfRun>(who, job));
	}
	return found;
}

const row = (what: string, ours: number, faiss: number, digits: number): (string | number)[] => {
	return [what, ours.toFixed(digits), faiss.toFixed(digits), (ours / faiss).toFixed(2)];
};

const jobs = { ivfflat: inTurns('ivfflat'), ivfpq: inTurns('ivfpq') };
const sizes = { ours: run<SizesRun>('ours', 'sizes'), faiss: run<SizesRun>('faiss', 'sizes') };

const rows: (string | number)[][] = [];
for (const [job, { ours, faiss }] of Object.entries(jobs)) {
	const of = (pick: (one: IvfRun) => number): [number, number] => [median(ours.map(pick)), median(faiss.map(pick))];
	rows.push(row(`${job}: train, s`, ...of((one) => one.trainS), 2));
	rows.push(row(`${job}: add 100,000, s`, ...of((one) => one.addS), 2));
	for (const kind of ['results', 'refined'] as const) {
		for (const [i, { nprobe }] of ours[0]![kind].entries()) {
			const name = `${job}${kind === 'refined' ? ', re-ranked over 100' : ''}, nprobe ${nprobe}`;
			const [a, b] = of((one) => one[kind][i]!.recall);
			rows.push([`${name}: recall@10`, a.toFixed(4), b.toFixed(4), `${a >= b ? '+' : ''}${(a - b).toFixed(4)}`]);
			rows.push(row(`${name}: ms per query, one by one`, ...of((one) => one[kind][i]!.singleMs), 3));
			rows.push(row(`${name}: ms per query, 1000 at once`, ...of((one) => one[kind][i]!.batchMs), 3));
		}
	}
}
rows.push(['file, Flat 500,000 x 128: bytes', sizes.ours.flat, sizes.faiss.flat, sizes.ours.flat - sizes.faiss.flat]);
rows.push([
	'file, PQ m = 8 of 500,000 x 128: bytes',
	sizes.ours.pq8,
	sizes.faiss.pq8,
	sizes.ours.pq8 - sizes.faiss.pq8,
]);

const faiss = jobs.ivfflat.faiss[0]!;
const engines = [jobs.ivfflat.ours[0]!.engine, faiss.engine];
console.log(`One core of ${cpus()[0]?.model}, medians of ${options.rounds} rounds. d = 128, nlist = 1024, m = 16.`);
console.log(`FAISS: ${faiss.compileOptions}; BLAS: ${faiss.blas?.join(', ') || 'not found'}.`);
if (faiss.compileOptions?.includes('GENERIC')) {
	console.log('This FAISS is a generic build, without SIMD of its own: fair for recall, not the opponent for speed.');
}
console.log(`\n${table(['', ...engines, 'ratio or difference'], rows)}\n`);
console.log(JSON.stringify({ jobs, sizes }));
