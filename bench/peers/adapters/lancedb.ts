import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { load, type Peer, type Setting } from './peer.ts';

interface Query {
	distanceType(type: string): Query;
	nprobes(value: number): Query;
	refineFactor(value: number): Query;
	ef(value: number): Query;
	select(columns: string[]): Query;
	limit(k: number): Query;
	toArrow(): Promise<{ getChild(name: string): { toArray(): ArrayLike<number> } }>;
}
interface Lance {
	connect(folder: string): Promise<{
		createTable(
			name: string,
			rows: object[],
		): Promise<{
			add(rows: object[]): Promise<unknown>;
			createIndex(column: string, options: { config: object }): Promise<void>;
			waitForIndex(names: string[], seconds: number): Promise<void>;
			vectorSearch(query: Float32Array): Query;
		}>;
	}>;
	readonly Index: {
		ivfPq(options: object): object;
		hnswSq(options: object): object;
	};
}

type Kind = 'IVF_PQ' | 'IVF_HNSW_SQ';

/** A table on disk with one vector index. */
export function lancedb(kind: Kind): Peer {
	return {
		about: `@lancedb/lancedb 0.39.0: ${kind} (Rust), table on disk, its own threads`,
		async build({ base, metric, folder }) {
			const { connect, Index } = await load<Lance>('@lancedb/lancedb');
			const database = await connect(folder);
			const rows = (start: number): object[] =>
				Array.from({ length: Math.min(20_000, base.n - start) }, (_, i) => ({
					id: start + i,
					vector: Array.from(base.row(start + i)),
				}));
			const table = await database.createTable('t', rows(0));
			for (let start = 20_000; start < base.n; start += 20_000) await table.add(rows(start));
			const distanceType = metric === 'l2' ? 'l2' : 'dot';
			const numPartitions = kind === 'IVF_PQ' ? 2 ** Math.round(Math.log2(4 * Math.sqrt(base.n)) - 1) : 1;
			const config =
				kind === 'IVF_PQ'
					? Index.ivfPq({ distanceType, numPartitions, numSubVectors: 16 })
					: Index.hnswSq({ distanceType, numPartitions });
			await table.createIndex('vector', { config });
			await table.waitForIndex(['vector_idx'], 600);
			const settings: Setting[] = parameters(kind).map(({ label, set }) => ({
				label,
				async search(query, k) {
					const found = await set(table.vectorSearch(query).distanceType(distanceType))
						.select(['id'])
						.limit(k)
						.toArrow();
					return Array.from(found.getChild('id').toArray(), Number);
				},
			}));
			return { settings, bytes: sizeOf(folder), bytesHow: 'folder' };
		},
	};
}

function parameters(kind: Kind): { label: string; set: (query: Query) => Query }[] {
	if (kind === 'IVF_HNSW_SQ') {
		return [32, 64, 128, 256, 400].map((ef) => ({
			label: `ef ${ef}, refine 2`,
			set: (query) => query.ef(ef).refineFactor(2),
		}));
	}
	return [4, 16, 32, 64].flatMap((nprobes) =>
		[2, 10].map((refine) => ({
			label: `nprobes ${nprobes}, refine ${refine}`,
			set: (query: Query) => query.nprobes(nprobes).refineFactor(refine),
		})),
	);
}

function sizeOf(folder: string): number {
	return readdirSync(folder, { recursive: true, withFileTypes: true })
		.filter((entry) => entry.isFile())
		.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}
