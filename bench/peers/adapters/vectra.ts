import { statSync } from 'node:fs';
import { join } from 'node:path';
import { load, type Peer } from './peer.ts';

interface Vectra {
	readonly LocalIndex: new (
		folder: string,
	) => {
		createIndex(): Promise<void>;
		batchInsertItems(items: { vector: number[]; metadata: { row: number } }[]): Promise<unknown>;
		queryItems(vector: number[], text: string, k: number): Promise<{ item: { metadata: { row: number } } }[]>;
	};
}

export const peer: Peer = {
	about: 'vectra 0.15.0: exact scan by cosine in plain JavaScript over one JSON file',
	only: 'cosine',
	// One string of JSON holds all vectors: 512 MB is the longest there is.
	rows: 20_000,
	async build({ base, folder }) {
		const { LocalIndex } = await load<Vectra>('vectra');
		const index = new LocalIndex(folder);
		await index.createIndex();
		const items = Array.from({ length: base.n }, (_, row) => ({
			vector: Array.from(base.row(row)),
			metadata: { row },
		}));
		await index.batchInsertItems(items);
		const search = async (query: Float32Array, k: number): Promise<number[]> =>
			(await index.queryItems(Array.from(query), '', k)).map(({ item }) => item.metadata.row);
		return {
			settings: [{ label: 'exact', search }],
			bytes: statSync(join(folder, 'index.json')).size,
			bytesHow: 'file',
		};
	},
};
