/**
 * A FAISS file, understood but not yet read: a tree of what indexes there are, each with a function that fills the
 * index made of it from the file.
 */

import type { Metric } from '../../core/metric.ts';
import type { Index } from '../../indexes/base.ts';
import type { Transform } from '../../transforms/transform.ts';
import type { IndexNode, TransformNode } from '../index-node.ts';
import type { Reading } from '../reading.ts';
import type { Block } from './file.ts';

/** What every index says. */
export interface Shape {
	readonly d: number;
	readonly metric: 'l2' | 'ip';
	readonly ntotal: number;
	readonly isTrained: boolean;
}

/** Fills an index; returns the ids of its rows where they are not the row numbers. */
export type Fill = (index: Index) => Reading<Float64Array<ArrayBuffer> | undefined>;

/** An index with nothing inside that vecino knows as an index of its own. */
export interface Leaf extends Shape {
	readonly kind: 'leaf';
	node(metric: Metric): IndexNode;
	readonly fill: Fill;
}

export interface ParsedTransform {
	readonly node: TransformNode;
	fill(transform: Transform): void;
}

export interface Chain extends Shape {
	readonly kind: 'chain';
	readonly transforms: readonly ParsedTransform[];
	readonly inner: Parsed;
}

export interface Refine extends Shape {
	readonly kind: 'refine';
	readonly kFactor: number;
	readonly base: Parsed;
	readonly store: Leaf;
}

export interface IdMap extends Shape {
	readonly kind: 'ids';
	readonly ids: Block;
	readonly inner: Parsed;
}

export type Parsed = Leaf | Chain | Refine | IdMap;

/** What is to be made, and how it is filled. */
export interface Plan {
	readonly node: IndexNode;
	readonly fill: Fill;
}
