/**
 * The words of factory strings where something is wrong with one: which valid word is nearest, and which words of FAISS's
 * vecino does not have.
 */

import { VecinoError } from '../errors.ts';

/** Where a word stands, and so which are valid there. */
export type Place = 'start' | 'code' | 'graph' | 'store' | 'end' | 'cells';

/** Words with the number that stands there when nothing better is known. */
const CODES = ['Flat', 'SQ8', 'SQ4', 'SQfp16', 'SQbf16', 'PQ{16}', 'PQ{16}x{8}', 'PQ{16}x4fs', 'RaBitQ', 'RaBitQ{4}'];
const TRANSFORMS = [
	'PCA{64}',
	'PCAR{64}',
	'PCAW{64}',
	'PCAWR{64}',
	'OPQ{16}',
	'OPQ{16}_{64}',
	'RR',
	'RR{64}',
	'L2norm',
];
const WORDS: Readonly<Record<Place, readonly string[]>> = {
	start: [...CODES, ...TRANSFORMS, 'IVF{1024}', 'IVF{1024}_HNSW{32}', 'HNSW{32}', 'IDMap', 'IDMap2', 'Auto'],
	code: [...CODES, 'PQ{16}x4fsr', 'PQ{16}nr'],
	graph: ['Flat', 'SQ8', 'SQ4', 'SQfp16', 'SQbf16'],
	store: ['Flat', 'SQ8', 'SQ4', 'SQfp16', 'SQbf16', 'PQ{16}', 'PQ{16}x{8}'],
	end: ['RFlat', 'Refine(SQ8)', 'IDMap', 'IDMap2'],
	cells: ['IVF{1024}', 'IVF{1024}_HNSW{32}'],
};

const USUAL: Readonly<Record<Place, string>> = {
	start: 'Flat',
	code: 'PQ16',
	graph: 'SQ8',
	store: 'SQ8',
	end: 'RFlat',
	cells: 'IVF1024',
};

/** FAISS has these; what comes nearest here. */
const ELSEWHERE: readonly (readonly [word: RegExp, nearest: string])[] = [
	[/^SQ(6|0|8_direct|8_direct_signed|tq.*)$/, 'SQ8'],
	[/^PQ(\d+)\+(\d+)$/, 'PQ$1,Refine(PQ$2)'],
	[/^(NSG|SVS)/, 'HNSW32'],
	[/^(LSH|ITQ)/, 'RaBitQ'],
	[/^EDEN(\d?).*$/, 'RaBitQ$1'],
	[/^(RQ|RCQ|LSQ|LSCQ|PRQ|PLSQ|ZnLattice)\d/, 'PQ16'],
	[/^IMI2x\d+$/, 'IVF65536_HNSW32'],
	[/^Residual\d/, 'IVF4096'],
	[/^HR\d*$/, 'RR'],
	[/^Pad\d+$/, 'OPQ16'],
	[/^MinMax/, 'SQ8'],
	[/^Flat\w*(Panorama|Dedup)/, 'Flat'],
	[/^RefinePanorama/, 'RFlat'],
	[/^IVF\d+[kM]?_(NSG|SVS)/, 'IVF65536_HNSW32'],
];

/** The valid word nearest to `word` in a place: its numbers kept, letters as few changed as may be. */
export function nearestWord(word: string, place: Place): string {
	const numbers = word.match(/\d+/g) ?? [];
	// Where nothing is like it, the word that most people want.
	let best = USUAL[place];
	let least = 0.8 * word.length;
	for (const template of WORDS[place]) {
		let i = 0;
		const candidate = template.replace(/\{(\d+)\}/g, (_, standard: string) => numbers[i++] ?? standard);
		const distance = editDistance(word, candidate);
		if (distance < least) [best, least] = [candidate, distance];
	}
	return best;
}

/** What to take in place of a word that FAISS has and vecino has not; undefined for other words. */
export function insteadOf(word: string): string | undefined {
	const found = ELSEWHERE.find(([pattern]) => pattern.test(word));
	if (found === undefined) return undefined;
	const [pattern, nearest] = found;
	return nearest.includes('$') ? word.replace(pattern, nearest) : nearest;
}

/** Letters taken out, changed, or put in, which counts half; one in the wrong case counts a quarter. */
export function editDistance(a: string, b: string): number {
	let row = Array.from({ length: b.length + 1 }, (_, j) => j / 2);
	for (let i = 1; i <= a.length; i++) {
		const next = [i];
		for (let j = 1; j <= b.length; j++) {
			const [x, y] = [a[i - 1]!, b[j - 1]!];
			const change = x === y ? 0 : x.toLowerCase() === y.toLowerCase() ? 0.25 : 1;
			next.push(Math.min(row[j]! + 1, next[j - 1]! + 0.5, row[j - 1]! + change));
		}
		row = next;
	}
	return row[b.length]!;
}

/** What is wrong with a factory string, in one line. */
export function badSpec(
	where: string,
	text: string,
	{ position, found, problem, nearest }: { position?: number; found: string; problem: string; nearest?: string },
): VecinoError {
	const at = position === undefined ? '' : `at character ${position} (${found === '' ? 'the end' : show(found)}): `;
	const near = nearest === undefined ? '' : `; nearest valid: ${show(nearest)}`;
	const fields = { found, ...(position !== undefined && { position }), ...(nearest !== undefined && { nearest }) };
	return new VecinoError('bad-spec', `${where}: ${show(text)}: ${at}${problem}${near}`, fields);
}

function show(text: string): string {
	return JSON.stringify(text.length > 120 ? `${text.slice(0, 117)}...` : text);
}
