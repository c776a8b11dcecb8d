/**
 * --transform of build: pca:64, pcar:64, opq, opq:64, rr, rr:128, l2norm.
 */

import { InvalidArgumentError } from 'commander';
import { NormalizeTransform, OPQTransform, PCATransform, RandomRotation, type Transform } from 'vecino';
import { UsageError } from './errors.ts';

const KINDS = ['pca', 'pcar', 'opq', 'rr', 'l2norm'] as const;

/** A transform as it was asked for. */
export interface TransformSpec {
	readonly kind: (typeof KINDS)[number];
	/** Dimensions to come out; absent when all do. */
	readonly dOut?: number;
}

/** Reads `kind` or `kind:dimensions`. */
export function readTransform(text: string): TransformSpec {
	const [, word, digits] = /^([a-z0-9]+?)(?::(\d+))?$/.exec(text) ?? [];
	const kind = KINDS.find((one) => one === word);
	if (kind === undefined || (kind === 'l2norm' && digits !== undefined)) {
		throw new InvalidArgumentError('It must be pca, pcar, opq or rr, with :<dimensions> or without, or l2norm.');
	}
	if (digits === undefined) return { kind };
	const dOut = Number(digits);
	if (dOut < 1 || dOut > 8192) throw new InvalidArgumentError('Dimensions must be in 1..8192.');
	return { kind, dOut };
}

/** The dimension of what comes out; OPQ fills up to a multiple of m where that is given. */
export function dimensionBehind(spec: TransformSpec | undefined, d: number, m: number | undefined): number {
	if (spec === undefined) return d;
	const { kind, dOut = kind === 'opq' && m !== undefined ? Math.ceil(d / m) * m : d } = spec;
	if (dOut > d && kind !== 'rr' && kind !== 'opq') {
		throw new UsageError(`--transform ${kind}:${dOut} does not fit: the vectors have ${d} dimensions`);
	}
	return dOut;
}

export function makeTransform({ kind }: TransformSpec, d: number, dOut: number, m: number, nbits: number): Transform {
	if (kind === 'l2norm') return new NormalizeTransform({ d });
	if (kind === 'rr') return new RandomRotation({ dIn: d, dOut });
	if (kind === 'opq') return new OPQTransform({ d, dOut, m, nbits });
	return new PCATransform({ dIn: d, dOut, randomRotation: kind === 'pcar' });
}
