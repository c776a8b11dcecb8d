/**
 * The report of `vecino estimate`: every setting that was measured, as one page.
 */

import type { Split } from '../data.ts';
import type { BuiltIndex, Estimate, EstimateRow, EstimateSettings } from '../estimate.ts';
import { bytes, count, millis, percent, plural, recall, seconds, times } from '../output.ts';
import { paretoFront } from '../pareto.ts';
import { forecastBars, listHistogram } from './index-charts.ts';
import { commandLine, machineFacts, version } from './machine.ts';
import { type Cell, type Column, type Html, key, picture, pictured, plain, renderPage, table } from './page.ts';
import type { ReportPoint } from './points.ts';
import { choice, lossSection, type Measured, memorySection, speedSection } from './sections.ts';
import { BAR, INK, SERIES } from './theme.ts';

/** A row with or without its re-ranking: each is a way to search. */
interface Way {
	readonly row: EstimateRow;
	readonly point: ReportPoint;
}

/** The page. @param result - Of an estimate with `detail`. */
export async function estimateReport(
	result: Estimate,
	data: Pick<Split, 'name' | 'total' | 'queriesFrom'> & { readonly n: number; readonly d: number; readonly nq: number },
	settings: EstimateSettings,
	command: readonly string[] = commandLine(),
): Promise<string> {
	const { k, metric } = settings;
	const { n, d } = data;
	const ways = waysOf(result.results, n);
	const points = ways.map(({ point }) => point);
	const measured: Measured = { k, d, exactMs: result.exact.ms.median };
	const built = result.built ?? [];
	const sections: Html[] = [
		choice(points, measured),
		await memorySection(points, measured, rerankWords(ways)),
		await speedSection(points, measured),
		...(points.some(({ losses }) => losses !== null) ? [await lossSection(points, measured)] : []),
		...(built.length > 0 ? [await listSection(built, n), await forecastSection(built)] : []),
		plain('settings', 'All settings', settingsTable(ways, settings, result), true),
		...(built.length > 0 ? [plain('indexes', 'All indexes', indexTable(built))] : []),
	];
	const part = data.total > n ? ` of ${count(data.total)}` : '';
	const from = data.queriesFrom === 'held out' ? 'held out from the vectors' : `from ${data.queriesFrom}`;
	return renderPage({
		title: `${data.name}: recall, memory and speed of compressed indexes`,
		lead: `IVFPQ indexes of ${count(n)} vectors in ${plural(d, 'dimension')}, measured on their own data: what they find of the ${k} true nearest neighbours, what they keep in memory, and how long a query takes.`,
		facts: [
			['vectors', `${data.name}: ${count(n)}${part}, d = ${d}; ${bytes(result.exact.bytes)} as float32`],
			['queries', `${count(data.nq)}, ${from}`],
			[
				'measured',
				`recall@${k}, metric ${metric}, seed ${settings.seed}; an exact scan takes ${millis(result.exact.ms.median)} ms per query`,
			],
			...machineFacts(),
		],
		command,
		sections,
		made: `vecino ${version()}`,
	});
}

/** All ways to search that were measured, each once, with the front among them. */
function waysOf(rows: readonly EstimateRow[], n: number): Way[] {
	const seen = new Set<string>();
	const ways = rows.flatMap((row) => {
		const raw = [row.m, row.nbits, row.nlist, row.nprobe].join();
		const alone = seen.has(raw) ? [] : [{ row, reranked: false }];
		seen.add(raw);
		return row.rerank === 0 ? alone : [...alone, { row, reranked: true }];
	});
	const plain = ways.map(({ row, reranked }) => ({
		row,
		reranked,
		recall: reranked ? row.recall.reranked! : row.recall.raw,
		bytes: reranked ? row.bytes.residentWithStore! : row.bytes.resident,
		ms: (reranked ? row.ms.reranked! : row.ms.raw).median,
		losses: (reranked ? row.losses?.reranked : row.losses?.raw) ?? null,
	}));
	const front = paretoFront(plain.map(({ recall, bytes, ms }) => ({ recall: recall.mean, bytes, ms })));
	const name = namer(rows);
	const series = seriesNamer(rows);
	return plain.map(({ row, reranked, recall, bytes, ms, losses }, i) => {
		const names = { no: i + 1, name: name(row, reranked), series: series(row) };
		return { row, point: { ...names, reranked, recall, bytesPerVector: bytes / n, ms, front: front[i]!, losses } };
	});
}

const varies = (rows: readonly EstimateRow[], key: 'm' | 'nbits' | 'nlist' | 'nprobe' | 'rerank'): boolean =>
	new Set(rows.map((row) => row[key])).size > 1;

function namer(rows: readonly EstimateRow[]): (row: EstimateRow, reranked: boolean) => string {
	const named = (['m', 'nbits', 'nlist', 'nprobe'] as const).filter((name) => varies(rows, name));
	const some = rows.some(({ rerank }) => rerank > 0);
	return (row, reranked) => {
		const parts = named.map((name) => `${name} ${row[name]}`);
		if (some) parts.push(reranked ? `${row.rerank} re-ranked` : 'codes alone');
		return parts.length === 0 ? `nprobe ${row.nprobe}` : parts.join(', ');
	};
}

/** Parameters that name an index, the finest first of those that leave no more groups than there are colours. */
const GROUPS = [['m', 'nbits', 'nlist'], ['m', 'nbits'], ['m', 'nlist'], ['m'], ['nlist'], ['nbits']] as const;

function seriesNamer(rows: readonly EstimateRow[]): (row: EstimateRow) => string {
	const namers = GROUPS.map((group) => {
		const named = group.filter((name) => varies(rows, name));
		return (row: EstimateRow): string => named.map((name) => `${name} ${row[name]}`).join(', ') || 'index';
	});
	const groups = (name: (row: EstimateRow) => string): number => new Set(rows.map(name)).size;
	const few = namers.filter((name) => groups(name) <= SERIES.length);
	return few.find((name) => groups(name) > 1) ?? few[0] ?? namers[0]!;
}

function rerankWords(ways: readonly Way[]): string[] {
	if (!ways.some(({ point }) => point.reranked)) return [];
	return [
		'Re-ranking reads the exact vectors, which here are in memory too: that is why diamonds stand right of the dashed line. Where the vectors stay on disk or in a database, count the memory of the codes alone.',
	];
}

async function listSection(built: readonly BuiltIndex[], n: number): Promise<Html> {
	const each = [...new Map(built.map((index) => [index.nlist, index])).values()].slice(0, 4);
	const parts: string[] = [];
	for (const [i, { nlist, listSizes }] of each.entries()) {
		const head = each.length > 1 ? `<p class="soft">nlist ${count(nlist)}</p>` : '';
		parts.push(head + (await picture(`lists-c${i}`, listHistogram(listSizes, nlist))));
	}
	const { nlist, lists } = each[0]!;
	return pictured('lists', 'How full the cells are', parts.join('\n'), [
		`${count(n)} vectors in ${plural(nlist, 'cell')}: ${lists.mean.toFixed(1)} on average, ${count(lists.min)} to ${count(lists.max)}; ${lists.empty === 0 ? 'none is' : `${count(lists.empty)} are`} empty.`,
		`A query reads ${lists.imbalance.toFixed(2)} times as many vectors as if all cells were of one size (the imbalance). ${lists.imbalance < 1.2 ? 'That is even.' : lists.imbalance < 2 ? 'That is usual for real data.' : 'That is much: a few large cells make some queries slow. Other cells (nlist), or vectors without duplicates, may even it out.'}`,
	]);
}

async function forecastSection(built: readonly BuiltIndex[]): Promise<Html> {
	const shown = built.slice(0, 12);
	const name = indexNamer(built);
	const size = forecastBars(
		shown.map((index) => ({ name: name(index), measured: index.measured.bytes, forecast: index.forecast.bytes })),
		{ title: 'Resident bytes, measured and forecast', label: 'resident', show: bytes, unit: 'B' },
	);
	const time = forecastBars(
		shown.flatMap((index) =>
			(['train', 'add'] as const).map((step) => ({
				name: built.length > 1 ? `${name(index)}: ${step}` : step,
				measured: index.measured.seconds[step],
				forecast: index.forecast.seconds[step],
			})),
		),
		{ title: 'Seconds of building, measured and forecast', label: 'time', show: duration, unit: 's' },
	);
	const figure =
		key([
			{ mark: 'box', colour: BAR, text: 'measured' },
			{ mark: 'tick', colour: INK, text: 'forecast' },
		]) +
		(await picture('forecast-b', size)) +
		(await picture('forecast-t', time));
	const off = Math.max(...built.map(({ measured, forecast }) => Math.abs(forecast.bytes / measured.bytes - 1)));
	return pictured('forecast', 'Building: forecast and measured', figure, [
		`Bytes follow from the layout before anything is built: here they were off by ${percent(off)} at most. The same forecast (estimateBuild, estimateSpec) holds for the numbers of vectors you will have.`,
		'Seconds are multiply-adds counted, times what a few calls of the kernels take on this machine. They are of one thread on an idle machine: more threads take less, a busy machine takes more.',
	]);
}

function indexNamer(built: readonly BuiltIndex[]): (index: BuiltIndex) => string {
	const named = (['m', 'nbits', 'nlist'] as const).filter(
		(name) => new Set(built.map((index) => index[name])).size > 1,
	);
	return (index) =>
		(named.length === 0 ? (['m', 'nlist'] as const) : named).map((name) => `${name} ${index[name]}`).join(', ');
}

/** 35 ms, 2.4 s, 3 min 20 s */
const duration = (s: number): string => (s < 1 ? `${(s * 1000).toFixed(0)} ms` : seconds(s));

const number = (value: number, text: string): Cell => ({ value, text });

function settingsTable(ways: readonly Way[], { k }: EstimateSettings, { exact }: Estimate): Html {
	const some = ways.some(({ point }) => point.reranked);
	const lost = ways.some(({ point }) => point.losses !== null);
	const columns: (Column & { readonly of: (way: Way) => Cell; readonly only?: boolean })[] = [
		{ head: '#', of: ({ point }) => number(point.no, String(point.no)) },
		{ head: 'front', of: ({ point }) => (point.front ? '★' : ''), text: true },
		{ head: 'm', of: ({ row }) => number(row.m, String(row.m)) },
		{ head: 'nbits', of: ({ row }) => number(row.nbits, String(row.nbits)) },
		{ head: 'nlist', of: ({ row }) => number(row.nlist, String(row.nlist)) },
		{ head: 'nprobe', of: ({ row }) => number(row.nprobe, String(row.nprobe)) },
		{
			head: 're-ranked',
			only: some,
			of: ({ row, point: { reranked } }) => (reranked ? number(row.rerank, String(row.rerank)) : '–'),
		},
		{ head: 'mean', group: `recall@${k}`, of: ({ point }) => number(point.recall.mean, recall(point.recall.mean)) },
		{ head: 'low', group: `recall@${k}`, of: ({ point }) => number(point.recall.low, recall(point.recall.low)) },
		{ head: 'high', group: `recall@${k}`, of: ({ point }) => number(point.recall.high, recall(point.recall.high)) },
		{ head: 'median', group: 'ms per query', of: ({ point }) => number(point.ms, millis(point.ms)) },
		{
			head: 'p95',
			group: 'ms per query',
			of: ({ row, point }) => {
				const { p95 } = point.reranked ? row.ms.reranked! : row.ms.raw;
				return number(p95, millis(p95));
			},
		},
		{
			head: 'per vector',
			group: 'bytes resident',
			of: ({ point }) => number(point.bytesPerVector, point.bytesPerVector.toFixed(1)),
		},
		{
			head: 'total',
			group: 'bytes resident',
			of: ({ row, point: { reranked } }) => {
				const all = reranked ? row.bytes.residentWithStore! : row.bytes.resident;
				return number(all, bytes(all));
			},
		},
		{ head: 'codes', group: 'bytes resident', of: ({ row }) => number(row.bytes.codes, bytes(row.bytes.codes)) },
		{
			head: 'codes',
			group: 'smaller than float32',
			of: ({ row }) => number(row.compression.codes, times(row.compression.codes)),
		},
		{
			head: 'index',
			group: 'smaller than float32',
			of: ({ row }) => number(row.compression.resident, times(row.compression.resident)),
		},
		{
			head: 'of cells',
			group: 'scanned per query',
			of: ({ row }) => number(row.scanned.cells, percent(row.scanned.cells)),
		},
		{
			head: 'of vectors',
			group: 'scanned per query',
			of: ({ row }) => number(row.scanned.vectors, percent(row.scanned.vectors)),
		},
		{
			head: 'vectors',
			group: 'scanned per query',
			of: ({ row }) => number(row.scanned.vectorsPerQuery, count(row.scanned.vectorsPerQuery)),
		},
		{ head: 'in cells', group: 'lost', only: lost, of: ({ point }) => share(point.losses?.cellNotProbed) },
		{ head: 'to codes', group: 'lost', only: lost, of: ({ point }) => share(point.losses?.codeTooCoarse) },
	];
	const shown = columns.filter(({ only }) => only !== false);
	const rows = ways.map((way) => ({ front: way.point.front, cells: shown.map(({ of }) => of(way)) }));
	const note = `★ Pareto front. low and high: 95 % interval. As float32 the vectors take ${bytes(exact.bytes)}; an exact scan takes ${millis(exact.ms.median)} ms per query.`;
	return table('settings-c', note, shown, rows);
}

function share(value: number | undefined): Cell {
	return value === undefined ? '' : number(value, percent(value));
}

function indexTable(built: readonly BuiltIndex[]): Html {
	const columns: (Column & { readonly of: (index: BuiltIndex, i: number) => Cell })[] = [
		{ head: 'index', of: (_, i) => String(i + 1) },
		{ head: 'm', of: ({ m }) => number(m, String(m)) },
		{ head: 'nbits', of: ({ nbits }) => number(nbits, String(nbits)) },
		{ head: 'nlist', of: ({ nlist }) => number(nlist, String(nlist)) },
		{ head: 'mean', group: 'vectors in a cell', of: ({ lists }) => number(lists.mean, lists.mean.toFixed(1)) },
		{ head: 'min', group: 'vectors in a cell', of: ({ lists }) => number(lists.min, count(lists.min)) },
		{ head: 'max', group: 'vectors in a cell', of: ({ lists }) => number(lists.max, count(lists.max)) },
		{ head: 'empty', group: 'cells', of: ({ lists }) => number(lists.empty, count(lists.empty)) },
		{ head: 'imbalance', group: 'cells', of: ({ lists }) => number(lists.imbalance, lists.imbalance.toFixed(2)) },
		...(['forecast', 'measured'] as const).flatMap((which) => [
			{ head: 'bytes', group: which, of: (index: BuiltIndex) => number(index[which].bytes, bytes(index[which].bytes)) },
			...(['train', 'add'] as const).map((step) => ({
				head: step,
				group: which,
				of: (index: BuiltIndex) => number(index[which].seconds[step], duration(index[which].seconds[step])),
			})),
		]),
	];
	const rows = built.map((index, i) => ({ cells: columns.map(({ of }) => of(index, i)) }));
	return table(
		'indexes-c',
		'Cells, and what building took: the forecast is of one thread, without the vectors to re-rank with.',
		columns,
		rows,
	);
}
