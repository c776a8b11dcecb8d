/**
 * From the indexes of a FAISS file to those of vecino. Mostly one by one; but
 *
 *   vecino's metric 'cosine' is FAISS's normalisation and inner product: IndexPreTransform of NormalizationTransform alone
 *   around an index by inner product is that index by cosine, and one whose chain both begins and ends with it is the
 *   chain between under cosine (which normalises twice too, indexes/pre-transform.ts). So what was written as cosine is
 *   read as cosine, and adding and searching normalise as FAISS would. Any other chain stays as it is;
 *   chains inside chains are one chain, and ids are outermost, as vecino has them.
 */

import { type IndexPreTransform, MAX_TRANSFORMS } from '../../indexes/pre-transform.ts';
import type { IndexRefine } from '../../indexes/refine.ts';
import type { IndexNode, RefineNode } from '../index-node.ts';
import type { Block, FaissFile } from './file.ts';
import type { Chain, Leaf, Parsed, ParsedTransform, Plan, Refine } from './tree.ts';

/** Indexes inside each other, as .vecino files take them. */
const MAX_DEPTH = 4;

export interface WholePlan extends Plan {
	/** Of an IndexIDMap around it all. */
	readonly ids: Block | undefined;
}

export function planFaiss(file: FaissFile, root: Parsed): WholePlan {
	const { tree, ids } = outermostIds(file, root);
	const plan = planOf(file, tree);
	const depth = depthOf(plan.node) + (ids === undefined ? 0 : 1);
	if (depth <= MAX_DEPTH) return { ...plan, ids };
	throw file.unsupported(`indexes are nested ${depth} deep; vecino has at most ${MAX_DEPTH}`, 0);
}

function depthOf(node: IndexNode): number {
	if (node.type === 'IndexPreTransform' || node.type === 'IndexIDMap') return 1 + depthOf(node.index);
	return node.type === 'IndexRefine' ? 1 + depthOf(node.base) : node.type === 'IndexHNSW' ? 2 : 1;
}

/** Ids taken out of chains: rows are the same before a transform and behind it. */
function outermostIds(file: FaissFile, tree: Parsed): { tree: Parsed; ids: Block | undefined } {
	if (tree.kind === 'ids') {
		const inner = outermostIds(file, tree.inner);
		if (inner.ids !== undefined) throw file.unsupported('an IndexIDMap in an IndexIDMap', 0);
		return { tree: inner.tree, ids: tree.ids };
	}
	if (tree.kind !== 'chain') return { tree, ids: undefined };
	const inner = outermostIds(file, tree.inner);
	return { tree: { ...tree, inner: inner.tree }, ids: inner.ids };
}

function planOf(file: FaissFile, tree: Parsed): Plan {
	if (tree.kind === 'leaf') return { node: tree.node(tree.metric), fill: tree.fill };
	if (tree.kind === 'refine') return planRefine(file, tree, planOf(file, tree.base), tree.store.node(tree.metric));
	if (tree.kind === 'ids') throw file.unsupported('an IndexIDMap inside an IndexRefine', 0);
	const { transforms, inner } = flat(tree);
	if (transforms.length === 0) return planOf(file, inner);
	if (inner.metric === 'ip' && isNormalize(transforms[0]) && isNormalize(transforms.at(-1))) {
		const cosine = byCosine(file, tree);
		if (cosine !== undefined) return cosine;
	}
	return planChain(file, tree, transforms, planOf(file, inner));
}

/** The same for normalised rows, as an index by cosine; undefined where there is none. */
function byCosine(file: FaissFile, tree: Parsed): Plan | undefined {
	if (tree.kind === 'ids' || tree.metric !== 'ip') return undefined;
	if (tree.kind === 'leaf') return { node: tree.node('cosine'), fill: tree.fill };
	if (tree.kind === 'refine') {
		const base = byCosine(file, tree.base);
		return base && planRefine(file, tree, base, tree.store.node('cosine'));
	}
	const { transforms, inner } = flat(tree);
	if (transforms.length > 0 && !isNormalize(transforms.at(-1))) return undefined;
	const plan = byCosine(file, inner);
	if (plan === undefined) return undefined;
	const between = transforms.slice(isNormalize(transforms[0]) ? 1 : 0, Math.max(1, transforms.length) - 1);
	return between.length === 0 ? plan : planChain(file, tree, between, plan);
}

/** A chain with those inside it. */
function flat(chain: Chain): { transforms: ParsedTransform[]; inner: Parsed } {
	if (chain.inner.kind !== 'chain') return { transforms: [...chain.transforms], inner: chain.inner };
	const { transforms, inner } = flat(chain.inner);
	return { transforms: [...chain.transforms, ...transforms], inner };
}

function isNormalize(transform: ParsedTransform | undefined): boolean {
	return transform?.node.type === 'NormalizeTransform';
}

function planChain(file: FaissFile, { d, ntotal }: Chain, transforms: readonly ParsedTransform[], inner: Plan): Plan {
	if (transforms.length > MAX_TRANSFORMS) {
		throw file.unsupported(`${transforms.length} transforms; vecino has ${MAX_TRANSFORMS}`, 0);
	}
	const { metric, isTrained } = inner.node;
	return {
		node: {
			type: 'IndexPreTransform',
			d,
			metric,
			ntotal,
			isTrained: isTrained && transforms.every(({ node }) => node.isTrained),
			transforms: transforms.map(({ node }) => node),
			index: inner.node,
		},
		*fill(index) {
			const chain = index as IndexPreTransform;
			for (const [i, transform] of transforms.entries()) transform.fill(chain.transforms[i]!);
			return yield* inner.fill(chain.index);
		},
	};
}

function planRefine(file: FaissFile, { kFactor, store, ...tree }: Refine, base: Plan, node: IndexNode): Plan {
	if (base.node.type === 'IndexRefine') throw file.unsupported('an IndexRefine inside an IndexRefine', 0);
	const { d, ntotal } = tree;
	const isTrained = base.node.isTrained && node.isTrained;
	const refine = node as RefineNode['refine'];
	return {
		node: { type: 'IndexRefine', d, ntotal, metric: base.node.metric, isTrained, kFactor, base: base.node, refine },
		*fill(index) {
			const whole = index as IndexRefine;
			const own = yield* base.fill(whole.base);
			if (own !== undefined) {
				throw file.unsupported(`an IndexRefine of an index with ids of its own (${own[0]} the smallest)`, 0);
			}
			yield* (store as Leaf).fill(whole.refine);
			return undefined;
		},
	};
}
