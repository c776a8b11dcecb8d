import { makeIndex, resolveConfig } from '../../suite/configs.ts';
import type { Data, Opened, Peer, Setting } from './peer.ts';

/** One configuration of vecino, searched with a grid of nprobe and kFactor. */
export function vecino(config: string): Peer {
	return {
		about: `vecino, ${config}`,
		async build({ base, metric }: Data): Promise<Opened> {
			const index = makeIndex(resolveConfig(config, base.n), { d: base.d, metric });
			index.train(base).add(base);
			const search = (params: object) => (q: Float32Array, k: number) => index.search(q, k, params).labels;
			const cells = 'nprobe' in index.searchTable ? [1, 2, 4, 8, 16, 32, 64, 128] : [undefined];
			const factors = 'kFactor' in index.searchTable ? [2, 4, 10, 20] : [undefined];
			const settings = cells.flatMap((nprobe) =>
				factors.map((kFactor): Setting => {
					const params = { ...(nprobe && { nprobe }), ...(kFactor && { kFactor }) };
					return { label: JSON.stringify(params).replaceAll(/[{}"]/g, ''), search: search(params) };
				}),
			);
			return { settings, bytes: index.byteLength, bytesHow: 'byteLength', close: () => index[Symbol.dispose]() };
		},
	};
}
