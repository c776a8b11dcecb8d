/**
 * Nanoseconds per code inside a whole index: all cells opened, one query a call. Two numbers, because each hides something:
 *
 * - all in: (search - ranking of the cells) / codes. Tables, selection and the change from list to list are in it.
 * - slope: what each further code costs. The same trained index is timed with half of the rows and with all;
 *   whatever does not depend on the length of lists cancels.
 */
import { micros, ratio, show, table } from './markdown.ts';
import type { Side } from './measure.ts';
import type { Round } from './protocol.ts';
import { median } from './stats.ts';

export interface CodeCost {
	readonly config: string;
	readonly side: string;
	/** Nanoseconds per query: ranking of the cells, search with half of the rows, with all of them. Medians. */
	readonly coarse: number;
	readonly half: number;
	readonly full: number;
	readonly rows: number;
	readonly halfRows: number;
	readonly allIn: number;
	readonly slope: number;
}

export interface CodesPlan {
	readonly k: number;
	readonly rounds: number;
	readonly n: number;
	readonly nlist: number;
	/** Queries per round. */
	readonly count: number;
	readonly clock: 'wall' | 'cpu';
}

/** Enough for 256 centroids. */
const TRAIN_ROWS = 10_240;

/** 4-bit and 8-bit codes of 8, 16 and 32 bytes. */
export function codeConfigs(nlist: number): string[] {
	const four = [16, 32, 64].map((m) => `IVF${nlist},PQ${m}x4fsr`);
	const eight = [8, 16, 32].map((m) => `IVF${nlist},PQ${m}`);
	return [...four, ...eight];
}

export async function measureCodes(config: string, sides: readonly Side[], plan: CodesPlan): Promise<CodeCost[]> {
	const { k, n, nlist, rounds, count, clock } = plan;
	const perQuery = ({ ns, cpuNs, count: asked }: Round): number => (clock === 'cpu' ? cpuNs / asked : median(ns));
	const halfRows = n >> 1;
	// Codes need not be good to be timed: training on few rows is quick.
	const trainRows = Math.min(TRAIN_ROWS, n);
	for (const { worker } of sides) await worker.ask('build', { config, rows: halfRows, trainRows });
	const half = await inTurns();
	for (const { worker } of sides) await worker.ask('add', {});
	const full = await inTurns();
	for (const { worker } of sides) await worker.ask('drop', {});
	return sides.map((side): CodeCost => {
		const few = median(half.get(side)!.search);
		const all = median(full.get(side)!.search);
		const coarse = median(full.get(side)!.coarse);
		return {
			config,
			side: side.name,
			coarse,
			half: few,
			full: all,
			rows: n,
			halfRows,
			allIn: (all - coarse) / n,
			slope: (all - few) / (n - halfRows),
		};
	});

	async function inTurns(): Promise<Map<Side, { search: number[]; coarse: number[] }>> {
		const found = new Map(sides.map((side) => [side, { search: [] as number[], coarse: [] as number[] }]));
		// The first calls run code that is not compiled to its end yet.
		const warm = { mode: 'single', k, count: Math.max(count, 300), nprobe: nlist } as const;
		for (const { worker } of sides) await worker.ask('search', warm);
		for (let round = 0; round < rounds; round++) {
			for (const side of round % 2 === 0 ? sides : [...sides].reverse()) {
				const { worker } = side;
				const overhead = perQuery(await worker.ask('overhead', { k, count: 300 }));
				const search = await worker.ask('search', { mode: 'single', k, count, nprobe: nlist });
				const coarse = await worker.ask('coarse', { k, count });
				found.get(side)!.search.push(perQuery(search) - overhead);
				found.get(side)!.coarse.push(perQuery(coarse) - overhead);
			}
		}
		return found;
	}
}

export function codesTable(results: readonly CodeCost[], names: readonly string[]): string {
	const [first] = names;
	const configs = [...new Set(results.map(({ config }) => config))];
	const rows = configs.flatMap((config) => {
		const of = (name: string): CodeCost => results.find((one) => one.config === config && one.side === name)!;
		return names.map((name) => {
			const { coarse, full, allIn, slope } = of(name);
			const mine = of(first!);
			const against = name === first ? ['', ''] : [ratio(allIn, mine.allIn), ratio(slope, mine.slope)];
			return [config, name, micros(full), micros(coarse), show(allIn), show(slope), ...against];
		});
	});
	const heads = ['configuration', 'engine', 'search, µs', 'ranking of cells, µs', 'ns per code, all in', 'slope'];
	const title = '## Nanoseconds per code\n\nAll cells opened, one query a call, k = 10.';
	return `${title}\n\n${table([...heads, `all in / ${first}`, `slope / ${first}`], rows)}\n`;
}
