import { statSync } from 'node:fs';
import { join } from 'node:path';
import { load, type Peer } from './peer.ts';

interface Hypvector {
	writeVectors(options: object): Promise<void>;
	searchVectors(options: object): Promise<{ id: string }[]>;
	prefetchBinary(options: object): Promise<Uint8Array>;
}
interface Writer {
	fileWriter(path: string): object;
}

export const peer: Peer = {
	about: 'hypvector 0.2.1: sign bits in clusters, re-ranked by float32, out of a Parquet file; the bits kept in memory',
	rows: 20_000,
	async build({ base, metric, folder }) {
		// HYPVECTOR: the folder of a checkout, where the registry does not have the package.
		const checkout = process.env['HYPVECTOR'];
		const inside = (name: string, file: string): string =>
			checkout ? join(checkout, 'node_modules', name, file) : name;
		const { writeVectors, searchVectors, prefetchBinary } = await load<Hypvector>(
			checkout ? join(checkout, 'src/index.js') : 'hypvector',
		);
		const { fileWriter } = await load<Writer>(inside('hyparquet-writer', 'src/node.js'));
		const path = join(folder, 'vectors.parquet');
		function* vectors(): Generator<{ id: string; vector: Float32Array }> {
			for (let i = 0; i < base.n; i++) yield { id: String(i), vector: base.row(i) };
		}
		await writeVectors({
			writer: fileWriter(path),
			dimension: base.d,
			normalize: metric === 'ip',
			metric: metric === 'ip' ? 'cosine' : 'euclidean',
			vectors: vectors(),
		});
		const binary = await prefetchBinary({ source: path }).catch(() => undefined);
		const search =
			(rerankFactor: number, probe: number) =>
			async (query: Float32Array, topK: number): Promise<number[]> => {
				const found = await searchVectors({
					source: path,
					query,
					topK,
					rerankFactor,
					probe,
					...(binary && { binary }),
				});
				return found.map(({ id }) => Number(id));
			};
		const settings = [
			[5, 0.1],
			[10, 0.25],
			[40, 0.5],
			[100, 1],
			// A full scan: sign bits say little where values are all of one sign.
			[0, 1],
		].map(([factor, probe]) => ({
			label: factor === 0 ? 'exact' : `rerankFactor ${factor}, probe ${probe}`,
			search: search(factor!, probe!),
		}));
		return { settings, bytes: statSync(path).size, bytesHow: 'file' };
	},
};
