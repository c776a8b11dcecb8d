/**
 * Transforms of FAISS files. The matrix is read at once: whether its rows are orthonormal follows from it alone.
 */

import { MAX_TRAINED_D } from '../../transforms/covariance.ts';
import type { LinearTransform } from '../../transforms/linear.ts';
import type { PCATransform } from '../../transforms/pca.ts';
import type { TransformNode } from '../index-node.ts';
import type { Reading } from '../reading.ts';
import type { Block, FaissFile } from './file.ts';
import { cannotRead } from './kinds.ts';
import type { ParsedTransform } from './tree.ts';

type Matrix = Float32Array<ArrayBuffer>;

/** Most dimensions of what is kept as a list of numbers and becomes a matrix here. */
const MAX_EXPANDED = 2048;
/** Rows that far from orthonormal count as such, as in FAISS. */
const TOLERANCE = 4e-5;
/** Pairs of rows looked at. */
const MAX_PAIRS = 4096;

/** d_in, d_out and is_trained, with which every transform ends. */
function* readEnd(file: FaissFile): Reading<{ dIn: number; dOut: number; isTrained: boolean }> {
	const start = file.at;
	const [dIn, dOut] = [yield* file.i32(), yield* file.i32()];
	if (dIn < 1 || dOut < 1 || dIn > 65536 || dOut > 65536) throw file.fault(`a transform of ${dIn} to ${dOut}`, start);
	return { dIn, dOut, isTrained: yield* file.bool('is_trained') };
}

export function* readTransform(file: FaissFile): Reading<ParsedTransform> {
	const start = file.at;
	const code = yield* file.code();
	if (code === 'VNrm') {
		const norm = yield* file.f32();
		const { dIn, dOut } = yield* readEnd(file);
		if (norm !== 2) throw file.unsupported(`normalisation by the ${norm}-norm; vecino has that of L2`, start);
		if (dIn !== dOut) throw file.fault(`normalisation of ${dIn} to ${dOut}`, start);
		return { node: { type: 'NormalizeTransform', dIn, dOut, isTrained: true }, fill() {} };
	}
	if (code === 'VCnt') {
		const block = yield* file.block('the mean', 4);
		const end = yield* readEnd(file);
		if (block.count !== end.dIn || end.dIn !== end.dOut) throw file.fault('a mean of other length', start);
		if (!end.isTrained) throw file.unsupported('a CenteringTransform that is not trained', start);
		checkExpanded(file, end.dIn, end.dOut, start);
		const bias = (yield* file.floats(block)).map((value) => 0 - value);
		const matrix = new Float32Array(end.dIn * end.dIn);
		for (let i = 0; i < end.dIn; i++) matrix[i * end.dIn + i] = 1;
		return linear(end.dIn, end.dOut, matrix, bias);
	}
	if (code === 'RmDT') {
		const block = yield* file.block('the map of dimensions', 4);
		const { dIn, dOut } = yield* readEnd(file);
		if (block.count !== dOut) throw file.fault('a map of other length', start);
		checkExpanded(file, dIn, dOut, start);
		const map = yield* file.ints(block);
		if (map.some((t) => t < -1 || t >= dIn)) throw file.fault('a map to dimensions that are not there', start);
		const matrix = new Float32Array(dOut * dIn);
		for (const [j, t] of map.entries()) if (t >= 0) matrix[j * dIn + t] = 1;
		return linear(dIn, dOut, matrix, undefined);
	}
	if (code === 'rrot' || code === 'LTra') return yield* readLinear(file, code, start);
	if (code === 'PCAm' || code === 'PcAm' || code === 'Pcam') return yield* readPCA(file, code, start);
	const names: Readonly<Record<string, string>> = { Viqm: 'ITQMatrix', Viqt: 'ITQTransform', HRot: 'HadamardRotation' };
	if (names[code] !== undefined) throw file.unsupported(`a transform ${names[code]} (${code})`, start);
	throw cannotRead(file.name, code, start);
}

function checkExpanded(file: FaissFile, dIn: number, dOut: number, start: number): void {
	if (dIn <= MAX_EXPANDED && dOut <= MAX_EXPANDED) return;
	throw file.unsupported(`a transform of ${dIn} to ${dOut} without a matrix; at most ${MAX_EXPANDED} are read`, start);
}

function* readMatrix(file: FaissFile): Reading<{ a: Block; b: Block | undefined }> {
	const hasBias = yield* file.bool('have_bias');
	const a = yield* file.block('the matrix', 4);
	const b = yield* file.block('the bias', 4);
	return { a, b: hasBias ? b : undefined };
}

function* readLinear(file: FaissFile, code: string, start: number): Reading<ParsedTransform> {
	const { a, b } = yield* readMatrix(file);
	const { dIn, dOut, isTrained } = yield* readEnd(file);
	if (!isTrained) {
		if (code !== 'rrot' || Math.max(dIn, dOut) > MAX_TRAINED_D) {
			throw file.unsupported('a LinearTransform or OPQMatrix that is not trained: which of the two is not said', start);
		}
		return { node: { type: 'RandomRotation', dIn, dOut, isTrained, seed: 1234, sections: {} }, fill() {} };
	}
	const [matrix, bias] = yield* readValues(file, a, b, dIn, dOut, start);
	return linear(dIn, dOut, matrix, bias);
}

function* readValues(
	file: FaissFile,
	a: Block,
	b: Block | undefined,
	dIn: number,
	dOut: number,
	start: number,
): Reading<[matrix: Matrix, bias: Matrix | undefined]> {
	if (a.count !== dIn * dOut) throw file.fault(`a matrix of ${a.count} values for ${dIn} to ${dOut}`, start);
	if (b !== undefined && b.count !== dOut) throw file.fault(`a bias of ${b.count} values, not ${dOut}`, start);
	return [yield* file.floats(a), b === undefined ? undefined : yield* file.floats(b)];
}

/** A matrix from elsewhere: rotations and OPQ are no more than that once they are trained. */
function linear(dIn: number, dOut: number, matrix: Matrix, bias: Matrix | undefined): ParsedTransform {
	const isOrthonormal = hasOrthonormalRows(matrix, dIn, dOut);
	const node: TransformNode = { type: 'LinearTransform', dIn, dOut, isTrained: true, isOrthonormal, sections: {} };
	return { node, fill: (transform) => (transform as LinearTransform).setMatrix(matrix, bias) };
}

/** eigen_power, epsilon (newest form), random_rotation, balanced_bins (but for the oldest), mean, eigenvalues, PCAMat, A, b. */
function* readPCA(file: FaissFile, code: string, start: number): Reading<ParsedTransform> {
	const eigenPower = yield* file.f32();
	if (code === 'Pcam') file.pass(1, 4);
	const randomRotation = yield* file.bool('random_rotation');
	const bins = code === 'PCAm' ? 0 : yield* file.i32();
	const meanBlock = yield* file.block('the mean', 4);
	const variancesBlock = yield* file.block('the eigenvalues', 4);
	yield* file.block('the eigenvectors', 4);
	const { a, b } = yield* readMatrix(file);
	const { dIn, dOut, isTrained } = yield* readEnd(file);
	const isOurs = (eigenPower === 0 || eigenPower === -0.5) && bins === 0 && dOut <= dIn && dIn <= MAX_TRAINED_D;
	const shape = { dIn, dOut, isTrained };
	const options = { eigenPower: eigenPower === 0 ? 0 : -0.5, randomRotation, sections: {} } as const;
	const node: TransformNode = { type: 'PCATransform', ...shape, ...options };
	if (!isTrained) {
		if (!isOurs)
			throw file.unsupported(`a PCAMatrix that is not trained, eigen_power ${eigenPower}, bins ${bins}`, start);
		return { node, fill() {} };
	}
	const [matrix, bias = new Float32Array(dOut)] = yield* readValues(file, a, b, dIn, dOut, start);
	if (!isOurs || meanBlock.count !== dIn || variancesBlock.count !== dIn) return linear(dIn, dOut, matrix, bias);
	const mean = yield* file.floats(meanBlock);
	const variances = yield* file.floats(variancesBlock);
	if (!follows(matrix, mean, bias)) return linear(dIn, dOut, matrix, bias);
	return {
		node,
		fill: (transform) => {
			const { arena } = transform.engine;
			const rows = arena.allocCopy(matrix);
			try {
				(transform as PCATransform).loadPrincipal(rows, mean, variances);
			} finally {
				arena.free(rows);
			}
		},
	};
}

/** Whether b = -A mean, as far as float32 goes. */
function follows(matrix: Matrix, mean: Matrix, bias: Matrix): boolean {
	return bias.every((value, j) => {
		let [sum, size] = [0, 0];
		for (let t = 0; t < mean.length; t++) {
			const product = matrix[j * mean.length + t]! * mean[t]!;
			sum += product;
			size += Math.abs(product);
		}
		return Math.abs(sum + value) <= 1e-5 * size + 1e-30;
	});
}

/** As far as some thousand pairs of rows tell. */
function hasOrthonormalRows(a: Matrix, dIn: number, dOut: number): boolean {
	if (dOut > dIn) return false;
	const step = Math.max(1, Math.ceil((dOut * dOut) / 2 / MAX_PAIRS));
	for (let i = 0; i < dOut; i++) {
		for (let j = i; j < dOut; j += j === i ? 1 + (i % step) : step) {
			let sum = 0;
			for (let t = 0; t < dIn; t++) sum += a[i * dIn + t]! * a[j * dIn + t]!;
			if (Math.abs(sum - (i === j ? 1 : 0)) > TOLERANCE) return false;
		}
	}
	return true;
}
