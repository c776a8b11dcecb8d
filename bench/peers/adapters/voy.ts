import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { load, type Peer } from './peer.ts';

interface Voy {
	add(resource: { embeddings: { id: string; title: string; url: string; embeddings: number[] }[] }): void;
	search(query: Float32Array, k: number): { neighbors: { id: string }[] };
	serialize(): string;
}
interface VoyModule {
	__wbg_set_wasm(exports: object): void;
	readonly Voy: new (resource?: object) => Voy;
}

export const peer: Peer = {
	about: 'voy-search 0.6.3: k-d tree (Rust, WebAssembly) over float32',
	rows: 10_000,
	async build({ base }) {
		// Made for bundlers only: its WebAssembly is put together by hand here.
		const folder = dirname(createRequire(import.meta.url).resolve('voy-search/package.json'));
		const glue = await load<VoyModule & Record<string, unknown>>(join(folder, 'voy_search_bg.js'));
		const module = new WebAssembly.Module(readFileSync(join(folder, 'voy_search_bg.wasm')));
		const imports = { './voy_search_bg.js': glue as unknown as WebAssembly.ModuleImports };
		glue.__wbg_set_wasm(new WebAssembly.Instance(module, imports).exports);
		const embeddings = Array.from({ length: base.n }, (_, row) => ({
			id: String(row),
			title: '',
			url: '',
			embeddings: Array.from(base.row(row)),
		}));
		const index = new glue.Voy({ embeddings });
		const search = (query: Float32Array, k: number): number[] =>
			index.search(query, k).neighbors.map(({ id }) => Number(id));
		return {
			settings: [{ label: 'the only one', search }],
			bytes: index.serialize().length,
			bytesHow: 'serialised',
		};
	},
};
