/** The engines measured, in the order of the table. */
import { faiss } from './adapters/faiss.ts';
import { peer as hnswlib } from './adapters/hnswlib-node.ts';
import { peer as hypvector } from './adapters/hypvector.ts';
import { lancedb } from './adapters/lancedb.ts';
import type { Peer } from './adapters/peer.ts';
import { peer as sqliteVec } from './adapters/sqlite-vec.ts';
import { usearch } from './adapters/usearch.ts';
import { vecino } from './adapters/vecino.ts';
import { peer as vectra } from './adapters/vectra.ts';
import { peer as voy } from './adapters/voy.ts';

/** @param python - A Python with FAISS; without it FAISS is left out. */
export function allPeers(python: string | undefined, core: string | undefined): Readonly<Record<string, Peer>> {
	const native = (config: string): Record<string, Peer> =>
		python === undefined ? {} : { [`FAISS ${config}`]: faiss(config, python, core) };
	return {
		'vecino PQ4+RFlat': vecino('IVF*,PQ32x4fsr,RFlat'),
		'vecino PQ4+SQ8': vecino('IVF*,PQ32x4fsr,Refine(SQ8)'),
		'vecino IVFFlat': vecino('IVF*,Flat'),
		'vecino Flat': vecino('Flat'),
		...native('IVF*,PQ32x4fsr,RFlat'),
		...native('IVF*,PQ32x4fsr,Refine(SQ8)'),
		...native('IVF*,Flat'),
		'hnswlib-node': hnswlib,
		'usearch f32': usearch('f32'),
		'usearch i8': usearch('i8'),
		'LanceDB IVF_PQ': lancedb('IVF_PQ'),
		'LanceDB IVF_HNSW_SQ': lancedb('IVF_HNSW_SQ'),
		'sqlite-vec': sqliteVec,
		vectra,
		'voy-search': voy,
		hypvector,
	};
}
