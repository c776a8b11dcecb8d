/**
 * The same data and seed give the same file, byte for byte, on every runtime and with every kernel build. CI runs this
 * with the relaxed-SIMD, fixed-SIMD and reference kernels on three versions of Node against one table of hashes.
 *
 * A change of arithmetic or training changes the table: VECINO_UPDATE_HASHES=1 writes it anew. Say so in the commit.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { METRICS } from '../../src/core/metric.ts';
import { IndexIVFFlat } from '../../src/indexes/ivf-flat.ts';
import { writeIndex } from '../../src/io/write-index.ts';
import { clustered } from '../support/data.ts';
import { KINDS } from '../support/indexes.ts';

const table = new URL('../fixtures/build-hashes.json', import.meta.url);
const x = clustered(430, 24);

function buildAll(): Record<string, string> {
	const hashes: Record<string, string> = {};
	for (const metric of METRICS) {
		for (const kind of KINDS) {
			using index = kind.make(24, metric);
			index.train(x, { seed: 7 }).add(x.slice(0, 100)).add(x.slice(100));
			hashes[`${kind.name}, ${metric}`] = createHash('sha256').update(writeIndex(index)).digest('hex');
		}
		using index = new IndexIVFFlat({ d: 24, metric, nlist: 40 });
		index.train(x, { seed: 7, clustering: 'two-level' }).add(x);
		hashes[`IVF40,Flat on two levels, ${metric}`] = createHash('sha256').update(writeIndex(index)).digest('hex');
	}
	return hashes;
}

it('building gives the recorded bytes', () => {
	const hashes = buildAll();
	if (process.env['VECINO_UPDATE_HASHES'] === '1') writeFileSync(table, `${JSON.stringify(hashes, null, '\t')}\n`);
	expect(hashes).toEqual(JSON.parse(readFileSync(table, 'utf8')));
});
