/**
 * Configurations by the names of FAISS's factory strings, so that the same name builds the same index on both sides:
 *
 *   Flat   SQ8   PQ16   PQ32x4fs   IVF1024,Flat   IVF1024,SQ8   IVF1024,PQ16   IVF1024,PQ32x4fsr   and `,RFlat` or `,Refine(SQ8)`
 *
 * `IVF*` stands for as many cells as fit the data.
 */
import {
	type Engine,
	type Index,
	IndexFlat,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFScalarQuantizer,
	IndexPQ,
	IndexPQFastScan,
	IndexRefine,
	IndexScalarQuantizer,
	type Metric,
} from '../../packages/vecino/src/index.ts';

interface Shape {
	readonly d: number;
	readonly metric: Metric;
	readonly engine?: Engine;
}

/** Sets of configurations by the bytes of their codes, and some to look at. */
export const PRESETS: Readonly<Record<string, readonly string[]>> = {
	default: ['Flat', 'IVF*,Flat', 'IVF*,PQ16', 'IVF*,PQ32x4fsr', 'IVF*,PQ32x4fsr,Refine(SQ8)', 'IVF*,PQ32x4fsr,RFlat'],
	fastscan: [
		'IVF*,PQ32x4fs',
		'IVF*,PQ32x4fsr',
		'IVF*,PQ32x4fs,RFlat',
		'IVF*,PQ32x4fsr,RFlat',
		'IVF*,PQ32x4fsr,Refine(SQ8)',
	],
	bytes16: ['PQ16', 'PQ32x4fs', 'IVF*,PQ16', 'IVF*,PQ32x4fs', 'IVF*,PQ32x4fsr'],
	bytes32: ['PQ32', 'PQ64x4fs', 'IVF*,PQ32', 'IVF*,PQ64x4fs', 'IVF*,PQ64x4fsr'],
	bytes64: ['PQ64', 'PQ128x4fs', 'IVF*,PQ64', 'IVF*,PQ128x4fs', 'IVF*,PQ128x4fsr'],
	refine: ['IVF*,PQ16,RFlat', 'IVF*,PQ16,Refine(SQ8)', 'IVF*,PQ32x4fsr,RFlat', 'IVF*,PQ32x4fsr,Refine(SQ8)'],
	quick: ['Flat', 'IVF*,Flat', 'IVF*,PQ8', 'IVF*,PQ16x4fsr,RFlat'],
};

/** Cells for n vectors: the power of two nearest to four times the square root. */
export function cellsFor(n: number): number {
	return 2 ** Math.round(Math.log2(4 * Math.sqrt(n)));
}

/** The name with `IVF*` filled in. */
export function resolveConfig(name: string, n: number): string {
	return name.replace('IVF*', `IVF${cellsFor(n)}`);
}

export function nlistOf(name: string): number | undefined {
	const match = /^IVF(\d+)/.exec(name);
	return match ? Number(match[1]) : undefined;
}

export function isRefined(name: string): boolean {
	return /,(RFlat|Refine\(.*\))$/.test(name);
}

/** An untrained index; throws on names that vecino does not have. */
export function makeIndex(name: string, shape: Shape): Index {
	const refine = /^(.*),(RFlat|Refine\(SQ8\))$/.exec(name);
	if (refine === null) return makeBase(name, shape);
	return new IndexRefine({ base: makeBase(refine[1]!, shape), store: refine[2] === 'RFlat' ? 'flat' : 'sq8' });
}

function makeBase(name: string, shape: Shape): Index {
	const [, cells, codes = ''] = /^(?:IVF(\d+),)?([^,]*)$/.exec(name) ?? [];
	const nlist = cells === undefined ? undefined : Number(cells);
	if (codes === 'Flat') return nlist ? new IndexIVFFlat({ ...shape, nlist }) : new IndexFlat(shape);
	if (codes === 'SQ8')
		return nlist ? new IndexIVFScalarQuantizer({ ...shape, nlist }) : new IndexScalarQuantizer(shape);
	const [, digits, fast] = /^PQ(\d+)(?:x4(fsr?))?$/.exec(codes) ?? [];
	const m = Number(digits);
	if (digits !== undefined && fast === undefined) {
		return nlist ? new IndexIVFPQ({ ...shape, nlist, m }) : new IndexPQ({ ...shape, m });
	}
	if (fast !== undefined && nlist) return new IndexIVFPQFastScan({ ...shape, nlist, m, byResidual: fast === 'fsr' });
	if (fast === 'fs') return new IndexPQFastScan({ ...shape, m });
	throw new Error(`vecino has no configuration ${name}`);
}
