/**
 * What training has learnt, taken out of an index as plain values by name: compared before codes go from one index to
 * another, and copied to make an index that codes alike.
 */

import type { Engine } from '../kernels/engine.ts';
import type { Codec } from '../quantizers/codec.ts';
import { FastScanQuantizer } from '../quantizers/fast-scan.ts';
import { ProductQuantizer } from '../quantizers/product.ts';
import { RabitQuantizer } from '../quantizers/rabitq.ts';
import { ScalarQuantizer } from '../quantizers/scalar.ts';
import { LinearTransform, type MatrixTransform } from '../transforms/linear.ts';
import { NormalizeTransform } from '../transforms/normalize.ts';
import { OPQTransform } from '../transforms/opq.ts';
import { PCATransform } from '../transforms/pca.ts';
import { RandomRotation } from '../transforms/rotation.ts';
import type { Transform } from '../transforms/transform.ts';

/** Options that codes depend on, and what was learnt, by name. Float arrays are copies. */
export type TrainedState = ReadonlyMap<string, Float32Array | number | string | boolean>;

/** The name of the first thing in which two states differ, or undefined. Floats are compared bit for bit. */
export function firstDifference(a: TrainedState, b: TrainedState): string | undefined {
	for (const name of new Set([...a.keys(), ...b.keys()])) if (!isSame(a.get(name), b.get(name))) return name;
	return undefined;
}

function isSame(a: unknown, b: unknown): boolean {
	if (!(a instanceof Float32Array && b instanceof Float32Array)) return a === b;
	if (a.length !== b.length) return false;
	const bits = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);
	const [x, y] = [bits(a), bits(b)];
	for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
	return true;
}

/** Names with something before them, for an index inside another. */
export function* prefixed(
	prefix: string,
	state: TrainedState,
): Generator<[string, Float32Array | number | string | boolean]> {
	for (const [name, value] of state) yield [`${prefix}${name}`, value];
}

/** What a trained codec knows. */
export function codecState(codec: Codec): TrainedState {
	if (codec instanceof ProductQuantizer) return pqState(codec);
	if (codec instanceof FastScanQuantizer) {
		return new Map([...pqState(codec.pq), ['terms', Float32Array.from(codec.termRange)]]);
	}
	if (codec instanceof ScalarQuantizer) {
		const { mins, steps } = codec.range;
		return new Map([
			['mins', mins],
			['steps', steps],
		]);
	}
	if (!(codec instanceof RabitQuantizer)) return new Map();
	const { nbits, seed, centre, hasCells } = codec;
	// In cells the centre follows from the centroids.
	return new Map<string, Float32Array | number>([['nbits', nbits], ['seed', seed], ...own(hasCells, centre)]);
}

function own(hasCells: boolean, centre: Float32Array): [string, Float32Array][] {
	return hasCells ? [] : [['centre', centre]];
}

function pqState({ m, nbits, codebook }: ProductQuantizer): TrainedState {
	return new Map<string, Float32Array | number>([
		['m', m],
		['nbits', nbits],
		['codebook', codebook],
	]);
}

/** Teaches a codec alike what codecState returned. */
export function teachCodec(codec: Codec, state: TrainedState): void {
	const floats = (name: string): Float32Array => state.get(name) as Float32Array;
	if (codec instanceof ProductQuantizer) codec.setCodebook(floats('codebook'));
	else if (codec instanceof FastScanQuantizer) {
		codec.pq.setCodebook(floats('codebook'));
		const [mid, step] = floats('terms');
		codec.setTermRange(mid!, step!);
	} else if (codec instanceof ScalarQuantizer) codec.setRange(floats('mins'), floats('steps'));
	else if (codec instanceof RabitQuantizer && state.has('centre')) codec.setCentre(floats('centre'));
}

/** What a trained transform knows. */
export function transformState(transform: Transform): TrainedState {
	const state = new Map<string, Float32Array | string>([['type', transform.type]]);
	if (transform instanceof NormalizeTransform) return state;
	const { matrix, bias } = transform as MatrixTransform;
	state.set('matrix', matrix).set('bias', bias);
	if (transform instanceof PCATransform) state.set('mean', transform.mean).set('variances', transform.variances);
	return state;
}

/** A transform with the same options, not trained. */
export function transformLike(transform: Transform, engine: Engine): Transform {
	const { dIn, dOut } = transform;
	if (transform instanceof LinearTransform) {
		return new LinearTransform({ dIn, dOut, isOrthonormal: transform.isReversible, engine });
	}
	if (transform instanceof PCATransform) {
		const { eigenPower, randomRotation } = transform;
		return new PCATransform({ dIn, dOut, eigenPower, randomRotation, engine });
	}
	if (transform instanceof RandomRotation) return new RandomRotation({ dIn, dOut, seed: transform.seed, engine });
	if (transform instanceof OPQTransform) {
		const { m, nbits, niter } = transform;
		return new OPQTransform({ d: dIn, dOut, m, nbits, niter, engine });
	}
	if (transform instanceof NormalizeTransform) return new NormalizeTransform({ d: dIn, engine });
	throw new Error(`internal: a transform of type ${transform.type}`);
}

/** Teaches a transform alike what transformState returned. */
export function teachTransform(transform: Transform, state: TrainedState): void {
	const floats = (name: string) => state.get(name) as Float32Array<ArrayBuffer>;
	if (transform instanceof NormalizeTransform) return;
	if (!(transform instanceof PCATransform)) {
		(transform as MatrixTransform).setMatrix(floats('matrix'), floats('bias'));
		return;
	}
	const rows = transform.engine.arena.allocCopy(floats('matrix'));
	try {
		transform.loadPrincipal(rows, floats('mean').slice(), floats('variances').slice());
	} finally {
		transform.engine.arena.free(rows);
	}
}
