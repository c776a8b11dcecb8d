/**
 * Whether native FAISS and vecino find the same with each other's index files: for each kind, ids of the 10 nearest of
 * 100 queries, of the first 10,000 rows of a data set.
 *
 *     VECINO_DATA=<folder> node bench/engine/faiss-exchange.ts [sift-free-100k] [--python python3]
 *
 * FAISS to vecino: FAISS builds and writes, vecino reads. vecino to FAISS: the other way. Both search with the same nprobe,
 * efSearch and k_factor. Distances of fast-scan are rounded, to 8 bits in FAISS and to 7 here: there ids differ, unless
 * they are re-ranked.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
	type Index,
	IndexFlat,
	IndexHNSW,
	IndexIDMap,
	IndexIVFFlat,
	IndexIVFPQ,
	IndexIVFPQFastScan,
	IndexIVFScalarQuantizer,
	IndexPQ,
	IndexPQFastScan,
	IndexPreTransform,
	IndexRefine,
	IndexScalarQuantizer,
	type Metric,
	OPQTransform,
	PCATransform,
	RandomRotation,
	readFaissIndex,
	type SearchResult,
	VectorSet,
	writeFaissIndex,
} from '../../packages/vecino/src/index.ts';
import { openVectors, readVectors } from '../../packages/vecino/src/node/files.ts';

const N = 10_000;
const NQ = 100;
const K = 10;
const NPROBE = 8;
const EF = 64;

const given = process.argv.slice(2);
const option = given.indexOf('--python');
const python = option < 0 ? (process.env['VECINO_PYTHON'] ?? 'python3') : given.splice(option, 2)[1]!;
const [name = 'sift-free-100k'] = given;
const script = fileURLToPath(new URL('../../packages/vecino/test/fixtures/make-faiss.py', import.meta.url));
const folder = join(process.env['VECINO_DATA'] ?? '../shared/data', name);
const extension = name.startsWith('sift') ? 'bvecs' : 'fvecs';
await using file = await openVectors(join(folder, `base.${extension}`));
const { d } = file;
const base = new VectorSet(await file.read(0, N), d);
const queries = new VectorSet((await readVectors(join(folder, `query.${extension}`))).data.slice(0, NQ * d), d);

/** FAISS's factory string, and the same here. */
interface Case {
	readonly factory: string;
	readonly metric?: Metric;
	make(metric: Metric): Index;
}
const m = 16;
const after = (transform: OPQTransform | PCATransform | RandomRotation, index: Index): Index =>
	new IndexPreTransform({ transforms: [transform], index });
const cases: readonly Case[] = [
	{ factory: 'Flat', make: (metric) => new IndexFlat({ d, metric }) },
	{ factory: 'Flat', metric: 'ip', make: (metric) => new IndexFlat({ d, metric }) },
	{ factory: 'L2norm,Flat', metric: 'cosine', make: (metric) => new IndexFlat({ d, metric }) },
	{ factory: 'SQ8', make: (metric) => new IndexScalarQuantizer({ d, metric }) },
	{ factory: 'SQ4', make: (metric) => new IndexScalarQuantizer({ d, metric, type: 'sq4' }) },
	{ factory: 'SQfp16', make: (metric) => new IndexScalarQuantizer({ d, metric, type: 'f16' }) },
	{ factory: `PQ${m}`, make: (metric) => new IndexPQ({ d, metric, m }) },
	{ factory: `PQ${m}x5`, metric: 'ip', make: (metric) => new IndexPQ({ d, metric, m, nbits: 5 }) },
	{ factory: 'PQ32x4fs', make: (metric) => new IndexPQFastScan({ d, metric, m: 32 }) },
	{ factory: 'PQ32x4fs,RFlat', make: (metric) => refined(new IndexPQFastScan({ d, metric, m: 32 })) },
	{ factory: 'IVF64,Flat', make: (metric) => new IndexIVFFlat({ d, metric, nlist: 64 }) },
	{ factory: 'L2norm,IVF64,Flat', metric: 'cosine', make: (metric) => new IndexIVFFlat({ d, metric, nlist: 64 }) },
	{ factory: 'IVF64,SQ8', make: (metric) => new IndexIVFScalarQuantizer({ d, metric, nlist: 64 }) },
	{ factory: `IVF64,PQ${m}`, make: (metric) => new IndexIVFPQ({ d, metric, nlist: 64, m }) },
	{ factory: `IVF64,PQ${m}`, metric: 'ip', make: (metric) => new IndexIVFPQ({ d, metric, nlist: 64, m }) },
	{ factory: 'IVF64,PQ32x4fsr', make: (metric) => new IndexIVFPQFastScan({ d, metric, nlist: 64, m: 32 }) },
	{
		factory: 'IVF64,PQ32x4fsr,RFlat',
		make: (metric) => refined(new IndexIVFPQFastScan({ d, metric, nlist: 64, m: 32 })),
	},
	{
		factory: `IVF64,PQ${m},Refine(SQ8)`,
		make: (metric) => refined(new IndexIVFPQ({ d, metric, nlist: 64, m }), 'sq8'),
	},
	{ factory: 'IVF64_HNSW32,Flat', make: (metric) => new IndexIVFFlat({ d, metric, nlist: 64, coarse: 'hnsw' }) },
	{
		factory: 'PCA64,Flat',
		make: (metric) => after(new PCATransform({ dIn: d, dOut: 64 }), new IndexFlat({ d: 64, metric })),
	},
	{
		factory: `OPQ${m},PQ${m}`,
		make: (metric) => after(new OPQTransform({ d, m, niter: 5 }), new IndexPQ({ d, metric, m })),
	},
	{
		factory: 'RR,SQ8',
		make: (metric) => after(new RandomRotation({ dIn: d }), new IndexScalarQuantizer({ d, metric })),
	},
	{ factory: 'IDMap,Flat', make: (metric) => new IndexIDMap({ index: new IndexFlat({ d, metric }) }) },
	{ factory: 'HNSW16,Flat', make: (metric) => new IndexHNSW({ d, metric, M: 16 }) },
	{ factory: 'HNSW16,SQ8', make: (metric) => new IndexHNSW({ d, metric, M: 16, store: 'sq8' }) },
];

function refined(index: Index, store: 'flat' | 'sq8' = 'flat'): Index {
	return new IndexRefine({ base: index, store, kFactor: 4 });
}

interface Answer {
	readonly ids: readonly (readonly number[])[];
	readonly distances: readonly (readonly number[])[];
}

const work = mkdtempSync(join(tmpdir(), 'vecino-exchange-'));
const write = (at: string, bytes: Uint8Array): void => writeFileSync(join(work, at), bytes);
const bytesOf = (rows: VectorSet): Uint8Array =>
	new Uint8Array(rows.data.buffer, rows.data.byteOffset, rows.data.byteLength);

function ask(entry: object): Answer {
	write('manifest.json', new TextEncoder().encode(JSON.stringify({ files: [{ queries: 'queries', d, ...entry }] })));
	const options = { encoding: 'utf8', stdio: 'pipe', maxBuffer: 2 ** 28 } as const;
	const text = execFileSync(python, [script, '--answer', join(work, 'manifest.json')], options);
	const { files, faiss } = JSON.parse(text) as { faiss: string; files: Record<string, Answer> };
	version = faiss;
	return Object.values(files)[0]!;
}
let version = '';

/** Ids that both have, of 1000; queries with the same ten in the same order; largest difference of their distances, relative. */
function compare({ ids, distances }: Answer, result: SearchResult): string {
	let [same, whole, worst] = [0, 0, 0];
	for (const [q, expected] of ids.entries()) {
		const hits = result.hits(q);
		same += hits.filter(({ label }) => expected.includes(label)).length;
		if (hits.every(({ label }, i) => label === expected[i])) whole++;
		for (const { label, distance } of hits) {
			const other = distances[q]![expected.indexOf(label)];
			if (other === undefined) continue;
			worst = Math.max(worst, Math.abs(distance - other) / Math.max(1e-6, Math.abs(other)));
		}
	}
	return `${same} / ${ids.length * K} | ${whole} | ${worst.toExponential(1)}`;
}

try {
	write('base', bytesOf(base));
	write('queries', bytesOf(queries));
	const rows: string[] = [];
	for (const { factory, metric = 'l2', make } of cases) {
		const hasCells = factory.includes('IVF') && !factory.includes('HNSW');
		const hasGraph = factory.startsWith('HNSW');
		const params = { ...(factory.includes('IVF') && { nprobe: NPROBE }), ...(hasGraph && { efSearch: EF }) };
		const asked = { ...(factory.includes('IVF') && { nprobe: NPROBE }), ef: EF };
		const both: string[] = [];
		{
			const build = { file: 'x.faiss', factory, base: 'base', metric, ...asked, ...(hasCells && { nprobe: NPROBE }) };
			const answer = ask(build);
			using index = readFaissIndex(new Uint8Array(readFileSync(join(work, 'x.faiss'))));
			both.push(compare(answer, index.search(queries, K, params)));
		}
		{
			using index = make(metric);
			index.train(base, { niter: 5 }).add(base);
			write('y.faiss', writeFaissIndex(index));
			both.push(compare(ask({ file: 'y.faiss', ...asked }), index.search(queries, K, params)));
		}
		rows.push(`| ${factory} | ${metric} | ${both.join(' | ')} |`);
		console.error(rows.at(-1));
	}
	console.log(`FAISS ${version}, ${name}, first ${N} rows, ${NQ} queries, k ${K}, nprobe ${NPROBE}, efSearch ${EF}\n`);
	console.log(
		'| kind | metric | FAISS to vecino: ids | queries alike | distances | vecino to FAISS: ids | queries alike | distances |',
	);
	console.log('|---|---|---|---|---|---|---|---|');
	console.log(rows.join('\n'));
} finally {
	rmSync(work, { recursive: true });
}
