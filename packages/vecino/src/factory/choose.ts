/**
 * Which index to take for n vectors of dimension d: `Auto`.
 *
 * Candidates stand in order of what they find, best first; the first within the budget is taken. A budget is resident
 * bytes per vector, everything counted. Without one, about a third of float32.
 *
 *   few values (n * d up to 5 million)   Flat, as long as the budget allows it
 *   cells, from 20,000 vectors on        about 4 sqrt(n), and fewer where centroids would take a tenth of the budget
 *   first look (scan)                    d < 256: PQ of 4 bits, scanned 32 codes at a time; from 256 on: RaBitQ, 1 bit a dimension
 *   second look (refine)                 float32, 16-bit floats or SQ8: the most that fits
 *   where no second look fits            SQ8, RaBitQ of 6 to 2 bits a dimension, PQ, at last of the first principal components
 *
 * The order is that of recall@10 on sift-free-100k (d 128) and text-lsa-50k (d 256), bench/engine/README.md.
 */

import { METRICS, type Metric } from '../core/metric.ts';
import { MAX_D } from '../core/vectors.ts';
import { GRAPH_CELLS } from '../indexes/cells.ts';
import { PRUNED_D } from '../indexes/flat.ts';
import { checkInt, checkKeys, checkNumber, checkOneOf } from '../util/check.ts';
import { partsBytes, partsOf, total } from './bytes.ts';
import { readSpec } from './parse.ts';
import { frozen, type IndexSpec, printSpec } from './spec.ts';
import { badSpec } from './words.ts';

/** What chooseIndex is to choose for. */
export interface ChooseIndexOptions {
	/** Vectors that the index will hold. */
	readonly n: number;
	/** Their dimension, 1..65536. */
	readonly d: number;
	/** Resident bytes per vector at most, centroids, labels and all that else there is counted. Default: what the choice needs, about d + 24. */
	readonly bytesPerVector?: number | undefined;
	/** What is compared. Default: 'l2'. */
	readonly metric?: Metric | undefined;
}

/** What chooseIndex chose. */
export interface IndexChoice {
	/** For indexFactory. */
	readonly spec: IndexSpec;
	/** The same as factory string. */
	readonly text: string;
	/** Resident bytes per vector, as forecast. */
	readonly bytesPerVector: number;
	/** Why, in sentences with numbers. */
	readonly why: readonly string[];
}

/** Up to so many values an exact scan takes about a millisecond. */
const FLAT_VALUES = 5_000_000;
/** From so many vectors on cells pay for their centroids and their training. */
const CELLS_FROM = 20_000;
/** From so many dimensions on RaBitQ is the first look. */
const RABITQ_FROM = 256;
const MAX_FAST_M = 256;
/** Centroids may take this share of a budget. */
const CENTROID_SHARE = 0.1;

/**
 * The index for n vectors of dimension d within a budget of memory, and why.
 *
 * @throws {VecinoError} `bad-spec` where nothing fits the budget.
 *
 * @example
 * const { text, why } = chooseIndex({ n: 1_000_000, d: 128, bytesPerVector: 40 });
 * using index = indexFactory(128, text);
 */
export function chooseIndex(options: ChooseIndexOptions): IndexChoice {
	const where = 'chooseIndex';
	checkKeys(where, options, ['n', 'd', 'bytesPerVector', 'metric']);
	const n = checkInt(where, 'n', options.n, 1, 2 ** 32 - 1);
	const d = checkInt(where, 'd', options.d, 1, MAX_D);
	const metric = checkOneOf(where, 'metric', options.metric ?? 'l2', METRICS);
	const { bytesPerVector: asked } = options;
	if (asked !== undefined) checkNumber(where, 'bytesPerVector', asked, 1, 2 ** 20);
	return choose(where, 'Auto', { n, d, metric, bytesPerVector: asked });
}

interface Wanted {
	readonly n: number;
	readonly d: number;
	readonly metric: Metric;
	readonly bytesPerVector: number | undefined;
}

/** @internal */
export function choose(where: string, asking: string, { n, d, metric, bytesPerVector: budget }: Wanted): IndexChoice {
	const bytesOf = (text: string): number => total(partsBytes(partsOf(d, n, readSpec(where, text), metric))) / n;
	const small = n * d <= FLAT_VALUES;
	const cells = n >= CELLS_FROM ? chosenNlist(n, d, budget) : 0;
	const tiers = candidates(d, cells);
	const first = budget === undefined && !small ? tiers.findIndex(({ standard }) => standard) : 0;
	const wanted = small ? [FLAT_TIER, ...tiers] : tiers.slice(first);
	const limit = budget ?? Number.POSITIVE_INFINITY;
	let least = Number.POSITIVE_INFINITY;
	for (const { text, says } of wanted) {
		const each = bytesOf(text);
		least = Math.min(least, each);
		if (each > limit) continue;
		const size = `${n.toLocaleString('en-US')} vectors of ${d} dimensions`;
		const bound = text === 'Flat' && d >= PRUNED_D ? ' (bounds that speed it up counted)' : '';
		const within = budget === undefined ? '' : ` within the ${budget} allowed`;
		const why = [
			small && text === 'Flat' ? `${size} are few: an exact scan takes about a millisecond.` : says(size),
			...(text.startsWith('IVF') || text.includes(',IVF') ? [whyCells(n, cells)] : []),
			`It takes ${each.toFixed(1)} bytes per vector${bound}${within}; float32 takes ${4 * d}.`,
		];
		const spec = readSpec(where, text);
		return frozen({ spec, text: printSpec(spec), bytesPerVector: each, why });
	}
	throw badSpec(where, asking, {
		found: asking,
		problem: `no index of ${n} vectors of ${d} dimensions takes ${budget} bytes per vector or less; the least is ${Math.ceil(least)}`,
	});
}

interface Tier {
	readonly text: string;
	says(size: string): string;
	/** Taken where there is no budget. */
	readonly standard?: boolean;
}

const FLAT_TIER: Tier = { text: 'Flat', says: (size) => `${size}: exact search.` };

/** What comes into question, best first: recall as measured with bench/engine/auto.ts. */
function candidates(d: number, nlist: number): Tier[] {
	// Where d has no divisors to cut it by, all but its last few principal components are cut.
	const cut = divisorUpTo(d, d / 2) * 4 >= d || d < 16 ? d : d - (d % 8);
	const rotate = cut === d ? '' : `PCA${cut},`;
	const cells = nlist === 0 ? '' : `IVF${nlist}${nlist >= GRAPH_CELLS ? '_HNSW32' : ''},`;
	const fast = (bytes: number): string => {
		const m = divisorUpTo(cut, Math.min(MAX_FAST_M, 2 * bytes));
		return `${rotate}${cells}PQ${m}x4fs${nlist === 0 ? '' : 'r'}`;
	};
	const wide = d >= RABITQ_FROM;
	const scan = wide ? `${cells}RaBitQ` : fast(d / 4);
	const kind = wide ? 'codes of one bit a dimension (RaBitQ)' : '4-bit product codes, scanned 32 at a time,';
	const two = (text: string, store: string, what: string, standard = false): Tier => ({
		text: `${text},${store}`,
		says: (size) => `${size}: ${kind} find candidates, ${what} put them in order.`,
		standard,
	});
	const one = (text: string, what: string): Tier => ({ text, says: (size) => `${size}: ${what}.` });
	const tiers = [
		two(scan, 'RFlat', 'the vectors themselves'),
		...(cells === '' ? [FLAT_TIER] : [one(`${cells}Flat`, 'the vectors themselves in cells')]),
		two(scan, 'Refine(SQfp16)', '16-bit floats'),
		two(scan, 'Refine(SQ8)', 'one byte a dimension', true),
		...(wide ? [] : [two(fast(d / 8), 'Refine(SQ8)', 'one byte a dimension')]),
		one(`${cells}SQ8`, 'one byte a dimension'),
	];
	for (const bits of [6, 5, 4, 3]) tiers.push(one(`${cells}RaBitQ${bits}`, `${bits} bits a dimension (RaBitQ)`));
	if (!wide) tiers.push(one(`${cells}SQ4`, 'four bits a dimension'));
	tiers.push(one(`${cells}RaBitQ2`, '2 bits a dimension (RaBitQ)'));
	if (wide) tiers.push(one(scan, 'one bit a dimension (RaBitQ)'));
	for (let m = divisorUpTo(cut, wide ? d / 8 : d / 4); ; m = divisorUpTo(cut, m - 1)) {
		tiers.push(one(`${rotate}${cells}PQ${m}`, `product codes of ${plural(m, 'byte')}`));
		tiers.push(one(fast(m), `4-bit product codes of ${plural(m, 'byte')}, scanned 32 at a time`));
		if (m <= d / 16) {
			// With fewer dimensions centroids are smaller, and a sub-vector each of those kept is coded better.
			const kept = Math.min(d, 8 * m);
			const text = `PCA${kept},${cells}PQ${Math.min(kept, 2 * m)}x4fs${nlist === 0 ? '' : 'r'}`;
			tiers.push(one(text, `the ${kept} dimensions in which they spread most, in 4-bit product codes`));
		}
		tiers.push(one(`${rotate}${cells}PQ${m}x6`, `product codes of ${plural(m, 'sub-vector')}, 6 bits each`));
		if (m === 1) break;
	}
	return tiers;
}

function plural(n: number, word: string): string {
	return `${n} ${word}${n === 1 ? '' : 's'}`;
}

/** The largest divisor of d up to `most`. @internal */
export function divisorUpTo(d: number, most: number): number {
	let m = Math.max(1, Math.min(d, Math.floor(most)));
	while (d % m !== 0) m--;
	return m;
}

/** Cells for n vectors: the power of two next to 4 * sqrt(n), at least 64 vectors to a cell. */
export function defaultNlist(n: number): number {
	const wanted = 2 ** Math.round(Math.log2(4 * Math.sqrt(n)));
	return Math.max(1, Math.min(wanted, 2 ** Math.floor(Math.log2(Math.max(1, n / 64))), 65_536));
}

/** The same with centroids that leave most of the budget to the codes. */
function chosenNlist(n: number, d: number, budget: number | undefined): number {
	let nlist = defaultNlist(n);
	// float32, and int16 to rank them by.
	while (budget !== undefined && nlist > 64 && (nlist * 6 * d) / n > CENTROID_SHARE * budget) nlist /= 2;
	return nlist;
}

function whyCells(n: number, nlist: number): string {
	return `${nlist} cells of about ${Math.round(n / nlist)} vectors; a search opens as many as training finds to be needed.`;
}

/**
 * A spec without Auto, and with a number of cells.
 *
 * @internal
 */
export function settleSpec(
	where: string,
	text: string,
	spec: IndexSpec,
	wanted: Omit<Wanted, 'n'> & { readonly n: number | undefined },
): IndexSpec {
	const needed = (word: string): number => {
		if (wanted.n !== undefined) return wanted.n;
		const problem = `"${word}" chooses by the number of vectors: give it as option n`;
		const nearest = word === 'Auto' ? 'IVF1024,PQ16' : 'IVF1024';
		throw badSpec(where, text, { position: Math.max(0, text.indexOf(word)), found: word, problem, nearest });
	};
	switch (spec.kind) {
		case 'auto': {
			const n = needed('Auto');
			return choose(where, text, { ...wanted, n, bytesPerVector: spec.bytesPerVector ?? wanted.bytesPerVector }).spec;
		}
		case 'ivf':
			return spec.nlist === 'auto' ? { ...spec, nlist: defaultNlist(needed('IVF')) } : spec;
		case 'idmap':
		case 'pretransform':
			return { ...spec, index: settleSpec(where, text, spec.index, wanted) };
		case 'refine':
			return { ...spec, base: settleSpec(where, text, spec.base, wanted) };
		default:
			return spec;
	}
}
