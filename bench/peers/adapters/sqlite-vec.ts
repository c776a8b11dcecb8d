import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { load, type Peer } from './peer.ts';

interface SqliteVec {
	getLoadablePath(): string;
}

const bytesOf = (x: Float32Array): Uint8Array => new Uint8Array(x.buffer, x.byteOffset, x.byteLength);

export const peer: Peer = {
	about: 'sqlite-vec 0.1.9: exact scan of float32 in a virtual table, through node:sqlite',
	async build({ base, metric, folder }) {
		const { getLoadablePath } = await load<SqliteVec>('sqlite-vec');
		const path = join(folder, 'vectors.sqlite');
		const database = new DatabaseSync(path, { allowExtension: true });
		database.loadExtension(getLoadablePath());
		const distance = metric === 'l2' ? 'L2' : 'cosine';
		database.exec(`CREATE VIRTUAL TABLE v USING vec0(x float[${base.d}] distance_metric=${distance})`);
		const insert = database.prepare('INSERT INTO v(rowid, x) VALUES (?, ?)');
		database.exec('BEGIN');
		for (let i = 0; i < base.n; i++) insert.run(BigInt(i + 1), bytesOf(base.row(i)));
		database.exec('COMMIT');
		const select = database.prepare('SELECT rowid FROM v WHERE x MATCH ? AND k = ? ORDER BY distance');
		const search = (query: Float32Array, k: number): number[] =>
			select.all(bytesOf(query), k).map((row) => Number(row['rowid']) - 1);
		return {
			settings: [{ label: 'exact', search }],
			bytes: statSync(path).size,
			bytesHow: 'file',
			close: () => database.close(),
		};
	},
};
