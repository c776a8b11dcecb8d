/**
 * Indexes that come into question for n vectors of dimension d: factory strings, the promising ones first.
 *
 * Codes by what bench/engine found of them (factory/choose.ts): below 256 dimensions 4-bit product codes scanned 32 at a
 * time, from there on RaBitQ, each re-ranked with one byte a dimension, 16-bit floats or float32; one look at SQ8 or
 * vectors themselves; shorter codes where a limit of bytes leaves nothing else.
 */

import type { Metric } from '../core/metric.ts';
import { choose, defaultNlist, divisorUpTo } from '../factory/choose.ts';
import { GRAPH_CELLS } from '../indexes/cells.ts';
import { estimateSpec } from './estimate-spec.ts';

/** From so many vectors on cells come into question. */
const CELLS_FROM = 2000;
/** Up to so many values an exact scan does. */
const EXACT_VALUES = 2 ** 26;
/** With fewer candidates of good codes, shorter codes are tried too. */
const ENOUGH = 4;

/** A candidate, and what it takes. */
export interface Shape {
	readonly factory: string;
	readonly bytesPerVector: number;
	/** Whether it takes no more bytes than allowed. */
	readonly fits: boolean;
}

export interface ShapeOptions {
	readonly n: number;
	readonly d: number;
	readonly metric: Metric;
	/** Bytes per vector at most. */
	readonly limit: number | undefined;
}

/** Candidates, those that do not fit included: fewer bytes than they take are asked for. */
export function defaultShapes(options: ShapeOptions): Shape[] {
	const { n, d, metric, limit } = options;
	const cells = n < CELLS_FROM ? [] : cellsFor(n);
	const exact = n * d <= EXACT_VALUES ? ['Flat'] : [];
	const good = [...cells.flatMap((nlist) => within(nlist, goodCodes(d))), ...exact];
	const shapes = sized(good, options);
	const fitting = shapes.filter(({ fits }) => fits).length;
	if (limit === undefined || fitting >= ENOUGH) return shapes;
	const short = sized(
		cells.flatMap((nlist) => within(nlist, shortCodes(d))),
		options,
	);
	const most = short.filter(({ fits }) => fits).sort((a, b) => b.bytesPerVector - a.bytesPerVector);
	const more = most.slice(0, 2 * ENOUGH);
	if (fitting + more.length === 0) {
		const { text, bytesPerVector } = choose('tune', 'Auto', { n, d, metric, bytesPerVector: limit });
		more.push({ factory: text, bytesPerVector, fits: true });
	}
	return [...shapes, ...more];
}

/** The given candidates with their sizes. */
export function sized(factories: readonly string[], { n, d, metric, limit }: ShapeOptions): Shape[] {
	return [...new Set(factories)].map((factory) => {
		const { text, bytesPerVector } = estimateSpec(d, n, factory, { metric, measure: false });
		return { factory: text, bytesPerVector, fits: limit === undefined || bytesPerVector <= limit };
	});
}

function cellsFor(n: number): number[] {
	const usual = defaultNlist(n);
	return [...new Set([Math.max(16, usual / 2), Math.max(16, usual)])];
}

function within(nlist: number, codes: readonly string[]): string[] {
	const cells = `IVF${nlist}${nlist >= GRAPH_CELLS ? '_HNSW32' : ''}`;
	return codes.map((code) => `${cells},${code}`);
}

const STORES = ['Refine(SQ8)', 'Refine(SQfp16)', 'RFlat'];

function fast(d: number, bytes: number): string {
	return `PQ${divisorUpTo(d, Math.min(256, 2 * bytes))}x4fsr`;
}

/** Codes that find nearly all with some re-ranking. */
function goodCodes(d: number): string[] {
	const scans = [...new Set(d >= 256 ? ['RaBitQ', fast(d, d / 8)] : [fast(d, d / 4), fast(d, d / 8), 'RaBitQ'])];
	return [...scans.flatMap((scan) => STORES.map((store) => `${scan},${store}`)), 'SQ8', 'Flat'];
}

/** Codes for little memory. */
function shortCodes(d: number): string[] {
	const rabitq = [6, 5, 4, 3, 2, 1].map((bits) => `RaBitQ${bits === 1 ? '' : bits}`);
	const product = [4, 8, 16, 32].flatMap((part) => [`PQ${divisorUpTo(d, d / part)}`, fast(d, d / part)]);
	return [...rabitq, 'SQ4', ...product];
}
