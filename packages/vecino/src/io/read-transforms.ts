/**
 * Transforms from the nodes and sections of a file.
 */

import type { Engine } from '../kernels/engine.ts';
import { LinearTransform, type MatrixTransform } from '../transforms/linear.ts';
import { NormalizeTransform } from '../transforms/normalize.ts';
import { OPQTransform } from '../transforms/opq.ts';
import { PCATransform } from '../transforms/pca.ts';
import { RandomRotation } from '../transforms/rotation.ts';
import type { Transform } from '../transforms/transform.ts';
import type { TransformNode } from './index-node.ts';
import type { SectionReader } from './read-sections.ts';
import type { Reading } from './reading.ts';

/** A transform without content. */
export function makeTransform(node: TransformNode, engine: Engine): Transform {
	const { dIn, dOut } = node;
	switch (node.type) {
		case 'LinearTransform':
			return new LinearTransform({ dIn, dOut, isOrthonormal: node.isOrthonormal, engine });
		case 'PCATransform': {
			const { eigenPower, randomRotation } = node;
			return new PCATransform({ dIn, dOut, eigenPower, randomRotation, engine });
		}
		case 'RandomRotation':
			return new RandomRotation({ dIn, dOut, seed: node.seed, engine });
		case 'OPQTransform': {
			const { m, nbits, niter } = node;
			return new OPQTransform({ d: dIn, dOut, m, nbits, niter, engine });
		}
		case 'NormalizeTransform':
			return new NormalizeTransform({ d: dIn, engine });
	}
}

/** Reads the content of a transform that makeTransform made of the same node. */
export function* fillTransform(transform: Transform, node: TransformNode, file: SectionReader): Reading<void> {
	if (node.type === 'NormalizeTransform' || !node.isTrained) return;
	const { matrix } = node.sections;
	const rows = file.arena.alloc(file.section(matrix!).byteLength);
	try {
		yield* file.intoArena(matrix!, rows, true);
		if (node.type === 'PCATransform') {
			const mean = yield* readFloats(file, node.sections.mean!);
			const variances = yield* readFloats(file, node.sections.variances!);
			(transform as PCATransform).loadPrincipal(rows, mean, variances);
		} else {
			const bias = node.type === 'LinearTransform' ? yield* readFloats(file, node.sections.bias!) : undefined;
			(transform as MatrixTransform).loadMatrix(rows, bias);
		}
	} finally {
		file.arena.free(rows);
	}
}

function* readFloats(file: SectionReader, number: number): Reading<Float32Array<ArrayBuffer>> {
	const { buffer } = yield* file.bytes(number);
	file.checkFinite(number, new Uint32Array(buffer), 0, buffer.byteLength / 4);
	return new Float32Array(buffer);
}
