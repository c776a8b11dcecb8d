import { statSync } from 'node:fs';
import { join } from 'node:path';
import { load, type Peer } from './peer.ts';

interface Hnswlib {
	readonly default: {
		readonly HierarchicalNSW: new (
			space: 'l2' | 'ip',
			d: number,
		) => {
			initIndex(options: { maxElements: number; m: number; efConstruction: number; randomSeed: number }): void;
			addPoint(point: number[], label: number): void;
			setEf(ef: number): void;
			searchKnn(query: number[], k: number): { neighbors: number[] };
			writeIndexSync(path: string): void;
		};
	};
}

export const peer: Peer = {
	about: 'hnswlib-node 3.0.0: hnswlib (C++), HNSW over float32, M 16, efConstruction 200',
	async build({ base, metric, folder }) {
		const { HierarchicalNSW } = (await load<Hnswlib>('hnswlib-node')).default;
		const index = new HierarchicalNSW(metric, base.d);
		index.initIndex({ maxElements: base.n, m: 16, efConstruction: 200, randomSeed: 100 });
		for (let i = 0; i < base.n; i++) index.addPoint(Array.from(base.row(i)), i);
		const path = join(folder, 'index.hnsw');
		index.writeIndexSync(path);
		const settings = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 400].map((ef) => ({
			label: `ef ${ef}`,
			search(query: Float32Array, k: number) {
				index.setEf(ef);
				return index.searchKnn(Array.from(query), k).neighbors;
			},
		}));
		return { settings, bytes: statSync(path).size, bytesHow: 'file' };
	},
};
