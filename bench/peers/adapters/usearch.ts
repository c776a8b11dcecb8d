import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Peer } from './peer.ts';

interface Index {
	add(keys: BigUint64Array, vectors: Float32Array, threads: number): void;
	search(query: Float32Array, k: number, threads: number): { readonly keys: BigUint64Array };
	save(path: string): void;
	load(path: string): void;
}
interface Usearch {
	readonly Index: new (config: object) => Index;
}

/** HNSW over float32 ('f32') or bytes ('i8'). */
export function usearch(quantization: 'f32' | 'i8'): Peer {
	return {
		about: `usearch 2.26.2: HNSW (C++ with SIMD) over ${quantization}, connectivity 16, expansion_add 128, one thread`,
		async build({ base, metric, folder }) {
			// Its ES module build does not load in Node 24 (endless recursion); the CommonJS one does.
			const { Index } = createRequire(import.meta.url)('usearch') as Usearch;
			const make = (expansion: number): Index =>
				new Index({
					dimensions: base.d,
					metric: metric === 'l2' ? 'l2sq' : 'ip',
					quantization,
					connectivity: 16,
					expansion_add: 128,
					expansion_search: expansion,
					multi: false,
				});
			const index = make(64);
			const part = 10_000;
			for (let start = 0; start < base.n; start += part) {
				const rows = base.slice(start, Math.min(start + part, base.n));
				const keys = BigUint64Array.from({ length: rows.n }, (_, i) => BigInt(start + i));
				index.add(keys, rows.data, 1);
			}
			const path = join(folder, 'index.usearch');
			index.save(path);
			const settings = [8, 16, 32, 64, 96, 128, 192, 256, 400].map((expansion) => {
				// The width of a search is fixed when an index is made: each setting opens the file again.
				let opened: Index | undefined;
				return {
					label: `expansion ${expansion}`,
					search(query: Float32Array, k: number) {
						if (opened === undefined) {
							opened = make(expansion);
							opened.load(path);
						}
						return Array.from(opened.search(query, k, 1).keys, Number);
					},
				};
			});
			return { settings, bytes: statSync(path).size, bytesHow: 'file' };
		},
	};
}
