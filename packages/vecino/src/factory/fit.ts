/**
 * Whether an index that a factory string names can be made for vectors of dimension d.
 */

import { MAX_D } from '../core/vectors.ts';
import { CELL_M } from '../indexes/cells.ts';
import { MAX_TRAINED_D } from '../transforms/covariance.ts';
import { type CodecSpec, type IndexSpec, type IVFSpec, printSpec, printTransform, type TransformSpec } from './spec.ts';
import { badSpec } from './words.ts';

/** Throws `bad-spec` where it cannot; `pad`: m need not divide d. */
export function checkFits(where: string, text: string, d: number, spec: IndexSpec, pad: boolean): void {
	const wrong = (word: string, problem: string, nearest?: string): Error => {
		const bare = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
		const position = new RegExp(`(?<![A-Za-z])${bare}(?!\\d)`).exec(text)?.index;
		return badSpec(where, text, {
			...{ found: word, problem: position === undefined ? `${word}: ${problem}` : problem },
			...(position !== undefined && { position }),
			...(nearest !== undefined && { nearest }),
		});
	};
	const walk = (d: number, spec: IndexSpec): void => {
		if (spec.kind === 'idmap') {
			walk(d, spec.index);
		} else if (spec.kind === 'refine') {
			walk(d, spec.base);
			checkM(d, spec.store, true, wrong);
		} else if (spec.kind === 'pretransform') {
			const dOut = spec.transforms.reduce((dIn, one) => behind(dIn, one, wrong), d);
			walk(dOut, spec.index);
		} else if (spec.kind === 'ivf') {
			checkCells(spec, wrong);
			checkM(d, spec.codec, pad, wrong);
		} else if (spec.kind !== 'hnsw' && spec.kind !== 'auto') {
			checkM(d, spec, pad, wrong);
		}
	};
	walk(d, spec);
}

type Wrong = (word: string, problem: string, nearest?: string) => Error;

function checkCells(spec: IVFSpec, wrong: Wrong): void {
	const { coarse } = spec;
	if (coarse.kind === 'flat' || coarse.M === CELL_M) return;
	const cells = printSpec(spec).split(',')[0]!;
	throw wrong(cells, `the graph over cells has ${CELL_M} links here`, cells.replace(/\d+$/, String(CELL_M)));
}

function checkM(d: number, codec: CodecSpec, pad: boolean, wrong: Wrong): void {
	if (codec.kind !== 'pq' && codec.kind !== 'pqfs') return;
	const { m } = codec;
	if (m <= d && (pad || d % m === 0)) return;
	const word = `PQ${m}`;
	const rest = printSpec(codec).slice(word.length);
	if (pad) throw wrong(word, `more sub-vectors than dimensions (${d})`, `PQ${d}${rest}`);
	const near = divisorsNear(d, m);
	const which = near.length === 1 ? `${near[0]} does` : `${near.join(' and ')} do`;
	const problem = `${m} sub-vectors do not divide ${d} dimensions evenly; ${which}${m < d ? ', and with the option pad any number' : ''}`;
	throw wrong(word, problem, `PQ${near[0]}${rest}`);
}

/** Divisors of d next to m, the nearer one first. */
export function divisorsNear(d: number, m: number): number[] {
	let [below, above] = [Math.min(m, d), m];
	while (d % below !== 0) below--;
	while (above < d && d % above !== 0) above++;
	const near = above <= d && above !== below ? [below, above] : [below];
	return near.sort((a, b) => Math.abs(a - m) - Math.abs(b - m));
}

/** The dimension behind a transform. */
function behind(dIn: number, spec: TransformSpec, wrong: Wrong): number {
	if (spec.kind === 'l2norm') return dIn;
	const word = printTransform(spec);
	if (spec.kind === 'linear') throw wrong(word, 'a matrix that somebody gave: no string holds it', 'RR');
	if (dIn > MAX_TRAINED_D)
		throw wrong(word, `the matrix of a transform is for ${MAX_TRAINED_D} dimensions at most, not ${dIn}`);
	const dOut = dimensionBehind(dIn, spec);
	if (spec.kind === 'pca' && dOut > dIn) {
		throw wrong(word, `${dOut} components of vectors of ${dIn} dimensions`, word.replace(/\d+$/, String(dIn)));
	}
	if (dOut > Math.min(MAX_TRAINED_D, MAX_D)) throw wrong(word, `at most ${MAX_TRAINED_D} dimensions can come out`);
	if (spec.kind !== 'opq') return dOut;
	const { m } = spec;
	if (m > dOut) throw wrong(word, `more sub-vectors than dimensions (${dOut})`, `OPQ${dIn}`);
	if (dOut % m === 0) return dOut;
	const near = Math.max(1, Math.round(dOut / m)) * m;
	throw wrong(word, `${m} does not divide the ${dOut} dimensions that come out`, `OPQ${m}_${near}`);
}

/** The dimension of what a transform makes of vectors of dimension dIn. */
export function dimensionBehind(dIn: number, spec: TransformSpec): number {
	if (spec.kind === 'l2norm') return dIn;
	if (spec.dOut !== 'auto') return spec.dOut;
	return spec.kind === 'opq' ? Math.ceil(dIn / spec.m) * spec.m : dIn;
}
