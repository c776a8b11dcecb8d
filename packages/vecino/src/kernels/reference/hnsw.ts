/**
 * The graph of HNSW: search and insertion. The fields of a graph and how its lists lie: assembly/graph.ts. What is found
 * and linked is defined by the order (distance, node) alone, so a sorted list stands in for the pool, a Set for the marks.
 */

import type { Arena } from '../arena.ts';
import { GRAPH, type KernelFunctions, NO_LINK } from '../kernels.ts';
import { f, ip, l2 } from './arithmetic.ts';
import { halfKernels } from './half.ts';
import { nearestKernels } from './nearest.ts';
import { sq4Kernels } from './sq4.ts';
import { sq8Kernels } from './sq8.ts';

interface Candidate {
	readonly node: number;
	readonly distance: number;
}

export function hnswKernels(arena: Arena): Pick<KernelFunctions, 'hnswSearch' | 'hnswInsert' | 'hnswRank'> {
	const nearest = nearestKernels(arena);
	const kernels: ReturnType<typeof hnswKernels> = {
		hnswSearch(graph, q, k, ef, scratch, outDistances, outLabels) {
			const walk = new Walk(arena, graph, scratch);
			const found = walk.get('rows') === 0 ? [] : walk.searchLevel(q, 0, walk.descend(q, 0), ef).slice(0, k);
			for (const [i, { node, distance }] of found.entries()) {
				arena.f32[(outDistances >>> 2) + i] = distance;
				arena.u32[(outLabels >>> 2) + i] = node;
			}
			arena.u32[scratch >>> 2] = walk.computed;
			return found.length;
		},

		hnswInsert(graph, row, slot, level, ef, scratch) {
			const walk = new Walk(arena, graph, scratch);
			const top = walk.get('top');
			const first = walk.get('rows') === 0;
			for (let l = 0; l <= level; l++) walk.setLinks(l === 0 ? row : slot, l, []);
			if (!first) {
				const q = walk.prepare(row, 0);
				let l = Math.min(level, top);
				let entry = walk.descend(q, l);
				for (; ; l--) {
					const found = walk.searchLevel(q, l, entry, ef);
					const node = l === 0 ? row : slot;
					const links = walk.select(found, walk.get('M'), l);
					walk.setLinks(node, l, links);
					for (const other of links) walk.connect(other, node, l);
					if (l === 0) break;
					entry = l === 1 ? walk.rowOf(found[0]!.node, 1) : found[0]!.node;
				}
			}
			if (first || level > top) {
				walk.set('top', level);
				walk.set('entry', level === 0 ? row : slot);
			}
			walk.set('rows', row + 1);
		},

		// Each query by the graph; by all centroids where that finds too few.
		hnswRank(graph, ef, q, n, d, ...rest) {
			const [scratch, nprobe, , , outDistances, outLabels] = rest.slice(-6) as [
				number,
				number,
				number,
				number,
				number,
				number,
			];
			const [centroids, k, metric] = rest;
			for (let i = 0; i < n; i++) {
				const row = q + i * d * 4;
				const [distances, labels] = [outDistances + i * nprobe * 4, outLabels + i * nprobe * 4];
				if (kernels.hnswSearch(graph, row, nprobe, ef, scratch, distances, labels) === nprobe) continue;
				const top = rest.slice(-5, -2) as [number, number, number];
				nearest.rankMany(row, 1, d, centroids, k, metric, 0, 0, 0, 0, scratch, ...top, distances, labels);
			}
		},
	};
	return kernels;
}

/** One graph, and the distances computed in it. */
class Walk {
	readonly #arena: Arena;
	readonly #graph: number;
	readonly #scratch: number;
	computed = 0;

	constructor(arena: Arena, graph: number, scratch: number) {
		this.#arena = arena;
		this.#graph = graph;
		this.#scratch = scratch;
	}

	get(field: keyof typeof GRAPH): number {
		return this.#arena.u32[(this.#graph + GRAPH[field]) >>> 2]!;
	}

	set(field: keyof typeof GRAPH, value: number): void {
		this.#arena.u32[(this.#graph + GRAPH[field]) >>> 2] = value;
	}

	rowOf(node: number, level: number): number {
		return level === 0 ? node : this.#arena.u32[this.#record(node) >>> 2]!;
	}

	/** On each level above `level` on to a node with no nearer neighbour; a node of `level`. */
	descend(q: number, level: number): number {
		let node = this.get('entry');
		let l = this.get('top');
		if (l === level) return node;
		let best = this.#candidate(q, node, l);
		while (l > level) {
			const near = this.#candidates(q, this.links(node, l), l).filter((other) => isBefore(other, best));
			if (near.length > 0) {
				best = near.sort(byDistance)[0]!;
				node = best.node;
				continue;
			}
			l--;
			if (l === 0) node = this.rowOf(node, 1);
			best = { node, distance: best.distance };
		}
		return node;
	}

	/** The ef nearest nodes of a level, from `entry` on, nearest first. */
	searchLevel(q: number, level: number, entry: number, ef: number): Candidate[] {
		const seen = new Set([entry]);
		const expanded = new Set<number>();
		let pool = [this.#candidate(q, entry, level)];
		for (;;) {
			const next = pool.find(({ node }) => !expanded.has(node));
			if (next === undefined) return pool;
			expanded.add(next.node);
			const fresh = this.links(next.node, level).filter((node) => !seen.has(node));
			for (const node of fresh) seen.add(node);
			pool = pool
				.concat(this.#candidates(q, fresh, level))
				.sort(byDistance)
				.slice(0, ef);
		}
	}

	/** The heuristic: no neighbour is nearer to one chosen before than to the centre. Few candidates are all taken. */
	select(candidates: readonly Candidate[], most: number, level: number): number[] {
		if (candidates.length <= most) return candidates.map(({ node }) => node);
		const kept: number[] = [];
		for (const { node, distance } of candidates) {
			if (kept.length === most) break;
			const q = this.prepare(this.rowOf(node, level), 1);
			if (kept.every((other) => !(this.#distance(q, this.rowOf(other, level)) < distance))) kept.push(node);
		}
		return kept;
	}

	/** Adds a link; a full list is chosen anew. */
	connect(node: number, other: number, level: number): void {
		this.#keep(node, level);
		const links = [...this.links(node, level), other];
		const cap = this.#cap(level);
		if (links.length <= cap) {
			this.setLinks(node, level, links);
			return;
		}
		const q = this.prepare(this.rowOf(node, level), 1);
		const candidates = links.map((link) => this.#orderable(link, this.#distance(q, this.rowOf(link, level))));
		this.setLinks(node, level, this.select(candidates.sort(byDistance), cap, level));
	}

	links(node: number, level: number): number[] {
		const at = this.#list(node, level) >>> 2;
		const list = [...this.#arena.u32.subarray(at, at + this.#cap(level))];
		const end = list.indexOf(NO_LINK);
		return end < 0 ? list : list.slice(0, end);
	}

	setLinks(node: number, level: number, links: readonly number[]): void {
		const at = this.#list(node, level) >>> 2;
		this.#arena.u32.fill(NO_LINK, at, at + this.#cap(level));
		this.#arena.u32.set(links, at);
	}

	/** A row as a query: f32 rows as they lie, codes at prepared state `i` of the scratch. */
	prepare(row: number, i: number): number {
		const { f32, u8 } = this.#arena;
		const kind = this.get('kind');
		const code = this.#code(row);
		if (kind < 2) return code;
		const d = this.get('d');
		const padded = this.#padded();
		const stateBytes = Math.ceil(d / 16) * 64 + 16;
		const state = this.#scratch + 16 + 7 * Math.ceil((2 * this.get('M') + 16) / 4) * 16 + i * stateBytes;
		let shift = 0;
		f32.fill(0, state >>> 2, (state >>> 2) + padded);
		if (kind >= 6) {
			halfKernels(this.#arena).halfDecode(kind >= 8 ? 1 : 0, code, d, state);
			return state;
		}
		for (let t = 0; t < d; t++) {
			const step = f32[(this.get('steps') >>> 2) + t]!;
			const least = f32[(this.get('mins') >>> 2) + t]!;
			const level = kind < 4 ? u8[code + t]! : (u8[code + (t >> 1)]! >> ((t & 1) * 4)) & 15;
			const scaled = f(level * step);
			const value = f(least + scaled);
			if (kind % 2 === 1) shift -= value * least;
			f32[(state >>> 2) + t] = kind % 2 === 1 ? f(value * step) : scaled;
		}
		f32[(state >>> 2) + padded] = shift;
		return state;
	}

	/** Values that a prepared query is padded to. */
	#padded(): number {
		const lanes = this.get('kind') >> 1 === 2 ? 16 : 8;
		return Math.ceil(this.get('d') / lanes) * lanes;
	}

	#candidates(q: number, nodes: readonly number[], level: number): Candidate[] {
		this.computed += nodes.length;
		return nodes.flatMap((node) => {
			const distance = this.#distance(q, this.rowOf(node, level));
			return Number.isNaN(distance) ? [] : [this.#orderable(node, distance)];
		});
	}

	#candidate(q: number, node: number, level: number): Candidate {
		this.computed++;
		return this.#orderable(node, this.#distance(q, this.rowOf(node, level)));
	}

	/** NaN comes last, -0 is 0. */
	#orderable(node: number, distance: number): Candidate {
		return { node, distance: Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance + 0 };
	}

	#distance(q: number, row: number): number {
		const code = this.#code(row);
		const d = this.get('d');
		const kind = this.get('kind');
		if (kind === 0) return l2(this.#arena, q >>> 2, code >>> 2, d);
		if (kind === 1) return -ip(this.#arena, q >>> 2, code >>> 2, d);
		const out = this.#scratch + 4;
		const { f32 } = this.#arena;
		if (kind >= 6) {
			const half = halfKernels(this.#arena);
			const l2Many = kind === 6 ? half.f16L2Many : half.bf16L2Many;
			const ipMany = kind === 7 ? half.f16IpMany : half.bf16IpMany;
			(kind % 2 === 0 ? l2Many : ipMany)(q, code, 1, d, out);
			return f32[out >>> 2]!;
		}
		const { sq8L2Many, sq8IpMany, sq4L2Many, sq4IpMany } = { ...sq8Kernels(this.#arena), ...sq4Kernels(this.#arena) };
		if (kind % 2 === 0) {
			(kind === 2 ? sq8L2Many : sq4L2Many)(q, this.get('steps'), code, 1, d, out);
			return f32[out >>> 2]!;
		}
		(kind === 3 ? sq8IpMany : sq4IpMany)(q, code, 1, d, out);
		return f(f32[out >>> 2]! + f32[(q >>> 2) + this.#padded()]!);
	}

	/** Copies the list of a node that was there before the add under way into its journal; of level 0 once only. */
	#keep(node: number, level: number): void {
		const journal = this.get('journal');
		if (journal === 0 || node >= this.get(level === 0 ? 'oldRows' : 'oldSlots')) return;
		const { u32 } = this.#arena;
		if (level === 0) {
			const word = (this.get('touched') >>> 2) + (node >>> 5);
			const bit = (1 << (node & 31)) >>> 0;
			if ((u32[word]! & bit) !== 0) return;
			u32[word] = u32[word]! | bit;
		}
		const used = u32[journal >>> 2]!;
		const cap = this.#cap(level);
		const list = this.#list(node, level);
		const at = (journal + 4 + used) >>> 2;
		u32.set([list, cap], at);
		u32.copyWithin(at + 2, list >>> 2, (list >>> 2) + cap);
		u32[journal >>> 2] = used + 8 + 4 * cap;
	}

	#cap(level: number): number {
		return level === 0 ? 2 * this.get('M') : this.get('M');
	}

	#code(row: number): number {
		const page = (this.get('pages') >>> 2) + 2 * (row >>> 6);
		return (this.#arena.u32[page]! + row * this.get('codeSize')) % 2 ** 32;
	}

	#list(node: number, level: number): number {
		const M = this.get('M');
		if (level > 0) return this.#record(node) + 4 + (level - 1) * M * 4;
		const page = (this.get('pages') >>> 2) + 2 * (node >>> 6);
		return (this.#arena.u32[page + 1]! + node * 8 * M) % 2 ** 32;
	}

	#record(slot: number): number {
		return this.get('records') + 4 * this.#arena.u32[(this.get('offsets') >>> 2) + slot]!;
	}
}

function byDistance(a: Candidate, b: Candidate): number {
	return a.distance === b.distance ? a.node - b.node : a.distance < b.distance ? -1 : 1;
}

function isBefore(a: Candidate, b: Candidate): boolean {
	return byDistance(a, b) < 0;
}
