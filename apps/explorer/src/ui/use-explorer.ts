/** What is open, the index over it, the settings, and what is going on: the state that all tabs share. */

import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Progress } from 'vecino';
import { CallError, Client, type WorkerLike } from '../client.ts';
import { BUILT_IN_SETS, type SetId } from '../compute/sets.ts';
import { mSteps, nearestStep, nlistSteps, usualNlist } from '../compute/settings.ts';
import type { BuildInfo, BuildSettings, DataInfo, SearchSettings } from '../protocol.ts';

export interface Settings extends BuildSettings, SearchSettings {}

export interface Explorer {
	readonly client: Client;
	readonly data: DataInfo | undefined;
	/** The built-in set that is open; undefined for a file. */
	readonly set: SetId | undefined;
	readonly index: BuildInfo | undefined;
	readonly settings: Settings;
	/** What is going on, in words; undefined when all is done. */
	readonly busy: string | undefined;
	/** What went wrong last. */
	readonly problem: string | undefined;
	openSet(set: SetId): void;
	openFile(file: File): void;
	change(settings: Partial<Settings>): void;
	report(error: unknown): void;
}

/** A slider that moves on within this time starts no build. */
const SETTLE_MS = 160;
export const K = 10;

const START: Settings = { nlist: 64, m: 0, nbits: 8, k: K, nprobe: 4, kFactor: 0 };

export function useExplorer(): Explorer {
	const client = useMemo(makeClient, []);
	const [data, setData] = useState<DataInfo>();
	const [set, setSet] = useState<SetId>();
	const [index, setIndex] = useState<BuildInfo>();
	const [settings, setSettings] = useState<Settings>(START);
	const [busy, setBusy] = useState<string>();
	const [problem, setProblem] = useState<string>();
	/** The settings as they will be: several changes may come before the next render. */
	const wanted = useRef<Settings>(START);
	const work = useRef<AbortController>(undefined);
	const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

	const report = useCallback((error: unknown) => {
		if (CallError.isAborted(error)) return;
		setProblem(error instanceof Error ? error.message : String(error));
		setBusy(undefined);
	}, []);

	/** Ends what is under way; what comes next has the returned controller. */
	const begin = useCallback((what: string) => {
		work.current?.abort();
		clearTimeout(timer.current);
		const controller = new AbortController();
		work.current = controller;
		setBusy(what);
		const onProgress = ({ phase, done, total }: Progress): void => {
			if (work.current === controller && total > 0) setBusy(`${what}: ${phase} ${Math.round((100 * done) / total)} %`);
		};
		return { signal: controller.signal, onProgress };
	}, []);

	const build = useCallback(
		async (wait: number) => {
			const options = begin('Building the index');
			try {
				if (wait > 0) {
					await new Promise<void>((resolve) => {
						timer.current = setTimeout(resolve, wait);
					});
				}
				const { nlist, m, nbits } = wanted.current;
				const info = await client.call('build', { nlist, m, nbits }, options);
				if (options.signal.aborted) return;
				setIndex(info);
				setBusy(undefined);
				setProblem(undefined);
			} catch (error) {
				if (!options.signal.aborted) report(error);
			}
		},
		[client, begin, report],
	);

	const open = useCallback(
		async (what: string, id: SetId | undefined, read: (options: ReturnType<typeof begin>) => Promise<DataInfo>) => {
			const options = begin(what);
			try {
				const info = await read(options);
				if (options.signal.aborted) return;
				wanted.current = settingsFor(info, wanted.current);
				setIndex(info.given);
				setData(info);
				setSet(id);
				setSettings(wanted.current);
				setProblem(undefined);
				setBusy(undefined);
				if (info.given === undefined) void build(0);
			} catch (error) {
				if (!options.signal.aborted) report(error);
			}
		},
		[begin, build, report],
	);

	const openSet = useCallback(
		(id: SetId) => void open('Making the vectors', id, (options) => client.call('make', { set: id }, options)),
		[client, open],
	);
	const openFile = useCallback(
		(file: File) =>
			void open(`Reading ${file.name}`, undefined, (options) =>
				client.call('open', { file, name: file.name }, options),
			),
		[client, open],
	);
	const change = useCallback(
		(changed: Partial<Settings>) => {
			const before = wanted.current;
			wanted.current = { ...before, ...changed };
			setSettings(wanted.current);
			const { nlist, m, nbits } = wanted.current;
			if (nlist !== before.nlist || m !== before.m || (m > 0 && nbits !== before.nbits)) void build(SETTLE_MS);
		},
		[build],
	);

	useEffect(() => {
		const url = fileInAddress();
		if (url === undefined) return openSet(BUILT_IN_SETS[0]!.id);
		const name = decodeURIComponent(url.pathname.split('/').at(-1)!);
		void open(`Reading ${name}`, undefined, (options) => client.call('openUrl', { url: url.href, name }, options));
	}, [client, open, openSet]);

	return { client, data, set, index, settings, busy, problem, openSet, openFile, change, report };
}

function makeClient(): Client {
	const worker = new Worker(new URL('../worker.ts', import.meta.url), { type: 'module' });
	return new Client(worker as WorkerLike);
}

/** The file named in the page's address, ?open=path: relative to the page, and of the page's own server only. */
function fileInAddress(): URL | undefined {
	const path = new URLSearchParams(location.search).get('open');
	if (path === null) return undefined;
	const url = new URL(path, location.href);
	return url.origin === location.origin ? url : undefined;
}

/** The settings that go on, brought into what the vectors allow. */
function settingsFor({ n, d, exact, given }: DataInfo, { m, nbits, k }: Settings): Settings {
	if (given !== undefined) {
		const { nlist, nprobe } = given;
		return {
			nlist,
			m: given.m,
			nbits: given.nbits,
			k: Math.min(k, n - 1),
			nprobe: Math.max(1, Math.min(nprobe, nlist)),
			kFactor: 0,
		};
	}
	const nlist = nearestStep(nlistSteps(n), usualNlist(n));
	return {
		nlist,
		m: m === 0 ? 0 : nearestStep(mSteps(d), Math.min(m, d)),
		nbits: nbits === 0 ? 8 : nbits,
		k: Math.min(k, n - 1),
		// In the plane one cell shows best what is missed; among many dimensions one finds little.
		nprobe: Math.min(exact ? 1 : 4, nlist),
		kFactor: 0,
	};
}
