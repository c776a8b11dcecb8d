/**
 * The plane that vectors are shown in: their own for two numbers, else the two directions in which they spread most
 * (principal components, found by subspace iteration on a sample: exact enough to look at, whatever d is).
 */

import type { VectorSet } from 'vecino';
import { Random } from './random.ts';

export interface Plane {
	/** True when d = 2 and nothing is projected. */
	readonly exact: boolean;
	/** Size d. */
	readonly mean: Float32Array<ArrayBuffer>;
	/** Two directions of length 1, layout (2, d). */
	readonly axes: Float32Array<ArrayBuffer>;
	/** Share of all spread that the two directions carry, 0..1. */
	readonly share: number;
}

const SAMPLE = 2000;
const ROUNDS = 24;

export function fitPlane(x: VectorSet, seed = 1): Plane {
	const { d } = x;
	if (d === 2) {
		return { exact: true, mean: new Float32Array(2), axes: Float32Array.of(1, 0, 0, 1), share: 1 };
	}
	const random = new Random(seed);
	const rows = x.take(random.sample(x.n, SAMPLE));
	const mean = new Float32Array(d);
	for (let i = 0; i < rows.n; i++) {
		for (let t = 0; t < d; t++) mean[t]! += rows.data[i * d + t]! / rows.n;
	}
	let total = 0;
	for (let i = 0; i < rows.data.length; i++) {
		const value = rows.data[i]! - mean[i % d]!;
		rows.data[i] = value;
		total += value * value;
	}
	const axes = Float32Array.from({ length: 2 * d }, () => random.normal());
	orthonormalise(axes, d);
	let carried = 0;
	for (let round = 0; round < ROUNDS; round++) carried = iterate(rows, axes);
	return { exact: false, mean, axes, share: total > 0 ? Math.min(1, carried / total) : 1 };
}

/** One step: axes become the rows' weighted sums along them. Returns the spread that the old axes carried. */
function iterate(rows: VectorSet, axes: Float32Array<ArrayBuffer>): number {
	const { d, data } = rows;
	const next = new Float64Array(2 * d);
	let carried = 0;
	for (let i = 0; i < rows.n; i++) {
		for (let a = 0; a < 2; a++) {
			let dot = 0;
			for (let t = 0; t < d; t++) dot += data[i * d + t]! * axes[a * d + t]!;
			carried += dot * dot;
			for (let t = 0; t < d; t++) next[a * d + t]! += dot * data[i * d + t]!;
		}
	}
	if (carried > 0) axes.set(next);
	orthonormalise(axes, d);
	return carried;
}

/** Gram-Schmidt. A direction without spread (all vectors on one line) becomes any unit direction beside the first. */
function orthonormalise(axes: Float32Array, d: number): void {
	normalise(axes.subarray(0, d), 0);
	const first = axes.subarray(0, d);
	const second = axes.subarray(d);
	if (d === 1) {
		second.fill(0);
		return;
	}
	for (let pass = 0; pass < 2; pass++) {
		let dot = 0;
		for (let t = 0; t < d; t++) dot += first[t]! * second[t]!;
		for (let t = 0; t < d; t++) second[t]! -= dot * first[t]!;
		normalise(second, 1);
	}
}

function normalise(axis: Float32Array, spare: number): void {
	let square = 0;
	for (const value of axis) square += value * value;
	if (!(square > 1e-30)) {
		axis.fill(0)[spare] = 1;
		return;
	}
	const scale = 1 / Math.sqrt(square);
	for (let t = 0; t < axis.length; t++) axis[t]! *= scale;
}

/** Places of rows in the plane, layout (rows, 2). */
export function project(x: VectorSet, plane: Plane): Float32Array<ArrayBuffer> {
	const { d, data } = x;
	const { axes, mean } = plane;
	const out = new Float32Array(2 * x.n);
	if (plane.exact) return Float32Array.from(data);
	for (let i = 0; i < x.n; i++) {
		let a = 0;
		let b = 0;
		for (let t = 0; t < d; t++) {
			const value = data[i * d + t]! - mean[t]!;
			a += value * axes[t]!;
			b += value * axes[d + t]!;
		}
		out[2 * i] = a;
		out[2 * i + 1] = b;
	}
	return out;
}

/** The row, moved inside the plane so that it lies at (x, y): what the plane does not show of it stays as it was. */
export function moveTo(row: Float32Array, plane: Plane, x: number, y: number): Float32Array<ArrayBuffer> {
	if (plane.exact) return Float32Array.of(x, y);
	const { axes, mean } = plane;
	const d = row.length;
	let a = x;
	let b = y;
	for (let t = 0; t < d; t++) {
		const value = row[t]! - mean[t]!;
		a -= value * axes[t]!;
		b -= value * axes[d + t]!;
	}
	// Where the row itself is, it is returned to the last bit: its distance to itself is then 0, not what rounding leaves.
	if (Math.abs(a) + Math.abs(b) <= 1e-5 * (Math.abs(x) + Math.abs(y))) return Float32Array.from(row);
	return Float32Array.from(row, (value, t) => value + a * axes[t]! + b * axes[d + t]!);
}
