/** What tests of collections share: drivers, folders that go away, embedders without a model. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { betterSqlite3Driver, type Driver, type Embedder, nodeSqliteDriver } from '@vecino/db';
import BetterSqlite3 from 'better-sqlite3';

/** Every driver that runs in Node; one suite holds for all. */
export const DRIVERS: readonly Driver[] = [nodeSqliteDriver(), betterSqlite3Driver(BetterSqlite3)];

/** A folder that is gone when it is disposed. */
export class TemporaryFolder implements Disposable {
	readonly path: string = mkdtempSync(join(tmpdir(), 'vecino-db-'));

	[Symbol.dispose](): void {
		rmSync(this.path, { recursive: true, force: true });
	}
}

/** Counts vowels: texts with the same vowels are near. Counts its calls as well. */
export class VowelEmbedder implements Embedder {
	readonly model: string;
	readonly dimension = 5;
	readonly asked: string[] = [];

	constructor(model = 'test/vowels') {
		this.model = model;
	}

	async embed(texts: readonly string[]): Promise<Float32Array[]> {
		this.asked.push(...texts);
		return texts.map((text) => Float32Array.from('aeiou', (vowel) => 0.01 + text.split(vowel).length - 1));
	}
}

/** n vectors of d numbers, the same for the same seed. */
export function randomVectors(n: number, d: number, seed = 1): Float32Array[] {
	let state = seed;
	const next = (): number => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 31 - 1;
	};
	return Array.from({ length: n }, () => Float32Array.from({ length: d }, next));
}
