/**
 * Build times: training and adding, each round a fresh index on every side in turn; then what the cells are worth, as codes
 * scanned per query and recall at the same nprobe.
 */
import { isRefined, nlistOf } from './configs.ts';
import { ratio, show, table } from './markdown.ts';
import { type Side, totalBytes } from './measure.ts';
import type { Built } from './protocol.ts';
import type { Judge } from './recall.ts';
import { type Quartiles, quartiles } from './stats.ts';

export interface CellCost {
	readonly nprobe: number;
	/** Codes scanned per query, mean. */
	readonly codes: number;
	readonly recall: number;
}

export interface BuildResult {
	readonly config: string;
	readonly side: string;
	readonly trainS: Quartiles;
	readonly addS: Quartiles;
	/** Processor time of both. */
	readonly cpuS: Quartiles;
	readonly bytesPerVector: number;
	readonly fileBytes: number;
	readonly cells: readonly CellCost[];
}

export interface BuildPlan {
	readonly k: number;
	readonly rounds: number;
	readonly nprobes: readonly number[];
	readonly nq: number;
}

export async function measureBuild(
	config: string,
	sides: readonly Side[],
	{ k, rounds, nprobes, nq }: BuildPlan,
	judge: Judge,
): Promise<BuildResult[]> {
	const found = new Map<Side, Built[]>(sides.map((side) => [side, []]));
	const rest = new Map<Side, { fileBytes: number; cells: CellCost[] }>();
	for (let round = 0; round < rounds; round++) {
		const order = round % 2 === 0 ? sides : [...sides].reverse();
		for (const side of order) {
			found.get(side)!.push(await side.worker.ask('build', { config }));
			if (round === rounds - 1) rest.set(side, await look(side));
			// One index at a time: both sides may need much memory.
			await side.worker.ask('drop', {});
		}
	}
	return sides.map((side) => {
		const builds = found.get(side)!;
		const last = builds.at(-1)!;
		return {
			config,
			side: side.name,
			trainS: quartiles(builds.map(({ trainS }) => trainS)),
			addS: quartiles(builds.map(({ addS }) => addS)),
			cpuS: quartiles(builds.map(({ cpuS }) => cpuS)),
			bytesPerVector: totalBytes(last) / last.ntotal,
			...rest.get(side)!,
		};
	});

	async function look({ worker }: Side): Promise<{ fileBytes: number; cells: CellCost[] }> {
		const nlist = nlistOf(config);
		const cells: CellCost[] = [];
		for (const nprobe of nlist === undefined ? [] : nprobes.filter((value) => value <= nlist)) {
			const { codes } = await worker.ask('scanned', { nprobe });
			const params = { nprobe, ...(isRefined(config) && { kFactor: 10 }) };
			const { labels } = await worker.ask('search', { ...params, mode: 'batch', k, count: nq, labels: true });
			cells.push({ nprobe, codes, recall: judge.recall(labels!).mean });
		}
		return { fileBytes: (await worker.ask('file', {})).bytes, cells };
	}
}

export function buildTables(results: readonly BuildResult[]): string {
	const sums = results.map(({ config, side, trainS, addS, cpuS, bytesPerVector, fileBytes }) => {
		const range = ({ q1, q3 }: Quartiles): string => `${show(q1)}–${show(q3)}`;
		const times = [
			show(trainS.median),
			range(trainS),
			show(addS.median),
			range(addS),
			show(trainS.median + addS.median),
		];
		return [config, side, ...times, show(cpuS.median), bytesPerVector.toFixed(1), fileBytes.toLocaleString('en-US')];
	});
	const heads = [
		'configuration',
		'engine',
		'train, s',
		'quartiles',
		'add, s',
		'quartiles',
		'both, s',
		'CPU s',
		'bytes per vector',
		'file, bytes',
	];
	const cells = results.flatMap(({ config, side, cells: costs }) => {
		const base = results.find((other) => other.config === config && other.side !== side);
		return costs.map(({ nprobe, codes, recall }, i) => {
			return [config, side, nprobe, show(codes), ratio(codes, base?.cells[i]?.codes), recall.toFixed(4)];
		});
	});
	const cellHeads = ['configuration', 'engine', 'nprobe', 'codes scanned per query', 'of the other', 'recall@10'];
	const parts = [`## Build\n\n${table(heads, sums)}`];
	if (cells.length > 0) parts.push(`## What the cells are worth\n\n${table(cellHeads, cells)}`);
	return `${parts.join('\n\n')}\n`;
}
