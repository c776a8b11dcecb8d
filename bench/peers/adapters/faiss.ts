import { resolveConfig } from '../../suite/configs.ts';
import { faissWorker } from '../../suite/protocol.ts';
import type { Data, Opened, Peer, Setting } from './peer.ts';

/** Native FAISS through Python; its times are taken in Python, where the query is. */
export interface Remote extends Setting {
	/** Nanoseconds by the clock and of the processor, and labels, of `count` single queries. */
	all(k: number, count: number): Promise<{ ns: number; cpuNs: number; labels: readonly number[] }>;
}

/** One configuration by FAISS's factory string. */
export function faiss(config: string, python: string, core: string | undefined): Peer {
	return {
		about: `FAISS, native, from Python, one thread, ${config}`,
		async build({ base, metric, paths }: Data): Promise<Opened> {
			const worker = faissWorker(python, core);
			const { engine } = await worker.ask('info', {});
			if (engine === undefined) throw new Error('no FAISS');
			await worker.ask('load', { ...paths, d: base.d, metric });
			const { bytes, cpuS, rss } = await worker.ask('build', { config: resolveConfig(config, base.n) });
			const factors = /Refine|RFlat/.test(config) ? [2, 4, 10, 20] : [undefined];
			const settings = [1, 2, 4, 8, 16, 32, 64, 128].flatMap((nprobe) =>
				factors.map((kFactor): Remote => {
					const params = { nprobe, ...(kFactor && { kFactor }) };
					return {
						label: JSON.stringify(params).replaceAll(/[{}"]/g, ''),
						search: () => [],
						async all(k, count) {
							// What calling from Python costs is not FAISS's work.
							const empty = await worker.ask('overhead', { k, count });
							const found = await worker.ask('search', { ...params, mode: 'single', k, count, labels: true });
							const sum = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0);
							return {
								ns: sum(found.ns) - sum(empty.ns),
								cpuNs: found.cpuNs - empty.cpuNs,
								labels: found.labels!,
							};
						},
					};
				}),
			);
			const sum = Object.values(bytes).reduce((a, b) => a + b, 0);
			return { settings, bytes: sum, bytesHow: 'components', cpuS, rss, close: () => worker.close() };
		},
	};
}
