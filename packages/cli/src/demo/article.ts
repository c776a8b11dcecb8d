/**
 * Flat, PQ and IVFPQ side by side, as in the article on product quantization that vecino began with: the share of
 * the exact top 100 found, milliseconds per query, bytes of the file, and nprobe swept until recall stops rising.
 */

import {
	type Index,
	IndexFlat,
	IndexIVFPQ,
	IndexPQ,
	indexChunks,
	type LabelMatrix,
	recallAtK,
	type VectorSet,
} from 'vecino';
import { recallAgainst, recallCurve } from '../charts.ts';
import type { Context } from '../context.ts';
import type { Split } from '../data.ts';
import { nearestDivisor } from '../defaults.ts';
import { searchEach } from '../measure.ts';
import { bytes, count, millis, percent, plural, recall, seconds, table, times } from '../output.ts';

/** Neighbours; a tenth of the vectors where there are fewer than 1000. */
const K = 100;
const M = 8;
/** Recall no further below the best than this is on the plateau. */
const PLATEAU = 0.005;
const MAX_QUERIES = 100;

/** The article's own numbers, on the 500,000 SIFT vectors its file sizes belong to. */
const PRINTED: Readonly<Record<string, string>> = { Flat: '1.00', PQ: '0.50', IVFPQ: '0.52' };

export interface ArticleRow {
	readonly name: 'Flat' | 'PQ' | 'IVFPQ';
	/** For IVFPQ: the smallest that reaches the plateau. */
	readonly nprobe: number | null;
	readonly recall: number;
	readonly ms: number;
	readonly fileBytes: number;
	readonly buildSeconds: number;
}

export interface SweepPoint {
	readonly nprobe: number;
	readonly recall: number;
	readonly ms: number;
}

export interface ArticleResult {
	readonly source: string;
	readonly n: number;
	readonly d: number;
	readonly queries: number;
	readonly k: number;
	readonly m: number;
	readonly nlist: number;
	readonly rows: readonly ArticleRow[];
	readonly sweep: readonly SweepPoint[];
	/** Smallest nprobe of the sweep whose recall is within 0.005 of the best. */
	readonly plateau: number;
}

export async function runArticle(
	context: Context,
	{ name, base, queries: all }: Split,
	seed: number,
): Promise<ArticleResult> {
	const { n, d } = base;
	const queries = all.slice(0, Math.min(MAX_QUERIES, all.n));
	const k = Math.max(1, Math.min(K, Math.floor(n / 10)));
	const m = nearestDivisor(d, Math.min(M, d));
	const nlist = cells(n);
	const rows: ArticleRow[] = [];
	const add = (row: ArticleRow): void => void rows.push(row);
	let truth: LabelMatrix;
	{
		using flat = new IndexFlat({ d });
		const buildSeconds = await fill(context, flat, base, seed);
		const { found, ms } = await searchEach(context, queries, k, (q) => flat.search(q, k), 'Flat: search');
		truth = found;
		add({ name: 'Flat', nprobe: null, recall: 1, ms: ms.median, fileBytes: fileBytes(flat), buildSeconds });
	}
	{
		using pq = new IndexPQ({ d, m });
		const buildSeconds = await fill(context, pq, base, seed);
		const { found, ms } = await searchEach(context, queries, k, (q) => pq.search(q, k), 'PQ: search');
		const share = recallAtK(found, truth);
		add({ name: 'PQ', nprobe: null, recall: share, ms: ms.median, fileBytes: fileBytes(pq), buildSeconds });
	}
	using ivfpq = new IndexIVFPQ({ d, nlist, m });
	const buildSeconds = await fill(context, ivfpq, base, seed);
	const sweep: SweepPoint[] = [];
	for (const nprobe of probes(ivfpq.nlist)) {
		const phase = `IVFPQ: search, nprobe ${nprobe}`;
		const { found, ms } = await searchEach(context, queries, k, (q) => ivfpq.search(q, k, { nprobe }), phase);
		sweep.push({ nprobe, recall: recallAtK(found, truth), ms: ms.median });
	}
	const best = Math.max(...sweep.map((point) => point.recall));
	const point = sweep.find(({ recall: share }) => share >= best - PLATEAU)!;
	const { nprobe, recall: share, ms } = point;
	add({ name: 'IVFPQ', nprobe, recall: share, ms, fileBytes: fileBytes(ivfpq), buildSeconds });
	return { source: name, n, d, queries: queries.n, k, m, nlist: ivfpq.nlist, rows, sweep, plateau: nprobe };
}

async function fill(context: Context, index: Index, x: VectorSet, seed: number): Promise<number> {
	context.progress.prefix = index.type;
	const start = performance.now();
	if (!index.isTrained) await index.trainAsync(x, { seed, ...context.run });
	await index.addAsync(x, context.run);
	context.progress.prefix = '';
	return (performance.now() - start) / 1000;
}

/** Size of the index file. */
function fileBytes(index: Index): number {
	let sum = 0;
	for (const chunk of indexChunks(index)) sum += chunk.byteLength;
	return sum;
}

/** A power of two, with 128 or more vectors to a cell unless there are few: 2048 for 500,000, as in the article. */
function cells(n: number): number {
	const most = Math.min(4 * Math.sqrt(n), Math.max(n / 128, Math.min(8, n / 39)));
	let nlist = 1;
	while (nlist * 2 <= most) nlist *= 2;
	return nlist;
}

/** 1, 2, 3, 4, 6, 8, 12, 16, 24, ... nlist */
function probes(nlist: number): number[] {
	const out: number[] = [];
	for (let nprobe = 1; nprobe < nlist; nprobe *= 2) {
		out.push(nprobe);
		if (nprobe > 1 && nprobe * 1.5 < nlist) out.push(nprobe * 1.5);
	}
	return [...out, nlist];
}

/** `printed`: beside the article's numbers, which belong to SIFT vectors. */
export function renderArticle(result: ArticleResult, printed: boolean): string {
	const { source, n, d, queries, k, m, nlist, rows, sweep, plateau } = result;
	const flat = rows[0]!;
	const head = [
		'',
		`recall@${k}`,
		...(printed ? ['article'] : []),
		'ms per query',
		'faster',
		'file',
		'smaller',
		'built in',
	];
	const body = rows.map((row) => [
		row.nprobe === null ? row.name : `${row.name}, nprobe ${row.nprobe}`,
		recall(row.recall),
		...(printed ? [PRINTED[row.name]!] : []),
		millis(row.ms),
		row === flat ? '' : times(flat.ms / row.ms),
		bytes(row.fileBytes),
		row === flat ? '' : times(flat.fileBytes / row.fileBytes),
		seconds(row.buildSeconds),
	]);
	const curve = sweep.map((point) => [
		point.nprobe === plateau ? `${point.nprobe} <` : `${point.nprobe}  `,
		recall(point.recall),
		millis(point.ms),
		percent(point.nprobe / nlist),
	]);
	const marks = rows.map(({ name, fileBytes: x, recall: y }) => ({ name, x, y }));
	return [
		`${source}: ${count(n)} vectors, ${plural(d, 'dimension')}; ${plural(queries, 'query', 'queries')}. PQ with m ${m}; IVFPQ with nlist ${nlist},
m ${m}. Recall is the share of the exact top ${k} found, with no re-ranking.`,
		table(head, body),
		`nprobe swept: recall stops rising at ${plateau} (the smallest within ${PLATEAU} of the best)`,
		table(['nprobe', `recall@${k}`, 'ms per query', 'of all cells'], curve, 0),
		recallCurve(`recall@${k} against nprobe, IVFPQ`, sweep),
		recallAgainst(`recall@${k} against bytes of the file`, 'bytes', marks, bytes),
	]
		.filter((part) => part !== '')
		.join('\n\n');
}
