/**
 * The engine at work: open vectors, an index over them, and answers about both. Runs in the page's worker; tests run it in
 * Node. One session holds one set of vectors and one index at a time.
 */

import { createEngine, type Engine, explain, type Index, IndexFlat, setDefaultEngine, VecinoError } from 'vecino';
import { moveTo } from '../compute/plane.ts';
import { boundsOf } from '../draw/view.ts';
import type { AnswerOf, BuildInfo, BuildSettings, CallName, DataInfo, RequestOf, SearchSettings } from '../protocol.ts';
import { buildIndex, describe, type Taken, takeApart } from './build.ts';
import { clusterFrames } from './cluster.ts';
import { CodesLab } from './codes.ts';
import { type Data, makeData, openData, type Run } from './data.ts';
import { look } from './look.ts';
import { Measurer } from './measure.ts';
import { blobSource, urlSource } from './source.ts';
import { TextLab } from './texts.ts';

type Handlers = { [N in CallName]: (request: RequestOf<N>, run: Run) => AnswerOf<N> | Promise<AnswerOf<N>> };

export class Session implements Disposable {
	readonly #engine: Engine;
	#data: Data | undefined;
	#taken: Taken | undefined;
	/** The vectors once more, for exact answers while the query moves. */
	#exact: IndexFlat | undefined;
	#measurer: Measurer | undefined;
	#codes: CodesLab | undefined;
	#texts: TextLab | undefined;

	/** What each call does. */
	readonly handlers: Handlers = {
		make: ({ set }) => this.#open(() => makeData(set)),
		open: ({ file, name }, run) => this.#open(() => openData(blobSource(file), name, run)),
		openUrl: ({ url, name }, run) => this.#open(async () => openData(await urlSource(url, run.signal), name, run)),
		build: (settings, run) => this.#build(settings, run),
		look: (request) => look(this.#need(), this.#truth(), this.#ready(request), request),
		explain: (request) => this.#explain(request),
		measure: (settings) => this.#measure(settings),
		cluster: (request, run) => clusterFrames(this.#engine, this.#need(), request, run),
		codes: (request) => {
			this.#codes ??= new CodesLab(this.#engine, this.#need().x);
			return this.#codes.view(request);
		},
		openTexts: () => {
			this.#texts ??= new TextLab(this.#engine);
			return this.#texts.open();
		},
		searchTexts: (request) => {
			if (this.#texts === undefined) throw new RangeError('the headlines are not open');
			return this.#texts.search(request);
		},
	};

	constructor(engine: Engine) {
		this.#engine = engine;
	}

	static async create(): Promise<Session> {
		// One memory for all: what is not told which engine to use takes the default one.
		const engine = await createEngine({ threads: 1 });
		setDefaultEngine(engine);
		return new Session(engine);
	}

	[Symbol.dispose](): void {
		this.#close();
		this.#texts?.[Symbol.dispose]();
		this.#engine[Symbol.dispose]();
	}

	/** The vectors that are open. */
	get data(): Data | undefined {
		return this.#data;
	}

	/** The index, as a whole. */
	get index(): Index | undefined {
		return this.#taken?.index;
	}

	/** What was open stays so until the new vectors are read: a broken file changes nothing. */
	async #open(read: () => Data | Promise<Data>): Promise<DataInfo> {
		const start = performance.now();
		const data = await read();
		this.#close();
		this.#data = data;
		let given: BuildInfo | undefined;
		if (data.index !== undefined) {
			this.#taken = takeApart(data.index);
			given = describe(data, this.#taken, 0);
		}
		const points = new Float32Array(2 * data.shown.length);
		data.shown.forEach((row, i) => {
			points[2 * i] = data.places[2 * row]!;
			points[2 * i + 1] = data.places[2 * row + 1]!;
		});
		return {
			name: data.name,
			n: data.x.n,
			total: data.total,
			d: data.x.d,
			notes: data.notes,
			exact: data.plane.exact,
			share: data.plane.share,
			shown: data.shown,
			points,
			bounds: boundsOf(points),
			given,
			seconds: (performance.now() - start) / 1000,
		};
	}

	async #build(settings: BuildSettings, run: Run): Promise<BuildInfo> {
		const data = this.#need();
		const start = performance.now();
		const index = await buildIndex(this.#engine, data.x, settings, run);
		if (this.#data !== data) {
			index[Symbol.dispose]();
			throw new VecinoError('aborted', 'other vectors were opened meanwhile');
		}
		this.#taken?.index[Symbol.dispose]();
		this.#taken = takeApart(index);
		return describe(data, this.#taken, (performance.now() - start) / 1000);
	}

	#explain({ labels, row, x, y, k, ...settings }: RequestOf<'explain'>): AnswerOf<'explain'> {
		const data = this.#need();
		const { index, params, taken } = this.#ready({ k, ...settings });
		const query = moveTo(data.x.row(row), data.plane, x, y);
		// Labels of an index from a file may be anything: the vectors are looked up one by one.
		const known = data.labels === undefined && taken.transforms.length === 0 ? { vectors: data.x } : {};
		const reports = explain(index, query, [...labels], { ...params, ...known, k });
		return reports.map(({ label, verdict, text }) => ({ label, verdict, text }));
	}

	#measure(settings: SearchSettings): AnswerOf<'measure'> {
		const data = this.#need();
		const ready = this.#ready(settings);
		this.#measurer ??= new Measurer(this.#engine, data, ready.index.metric);
		return this.#measurer.measure(ready, settings.k);
	}

	#need(): Data {
		if (this.#data === undefined) throw new RangeError('no vectors are open');
		return this.#data;
	}

	#truth(): IndexFlat {
		const { x } = this.#need();
		const metric = this.#taken?.index.metric ?? 'l2';
		this.#exact ??= new IndexFlat({ d: x.d, metric, engine: this.#engine }).add(x);
		return this.#exact;
	}

	/** The index that these settings search, and their parameters. */
	#ready({ nprobe, kFactor }: SearchSettings): Ready {
		const taken = this.#taken;
		if (taken === undefined) throw new RangeError('no index is built');
		const refines = taken.refine !== undefined && taken.refine === taken.index && kFactor > 0;
		const index = taken.refine === taken.index && !refines ? taken.refine!.base : taken.index;
		const cells = taken.ivf === undefined ? {} : { nprobe: Math.min(nprobe, taken.ivf.nlist) };
		return { taken, index, params: { ...cells, ...(refines && { kFactor }) } };
	}

	#close(): void {
		this.#taken?.index[Symbol.dispose]();
		this.#codes?.[Symbol.dispose]();
		this.#exact?.[Symbol.dispose]();
		this.#exact = undefined;
		this.#taken = undefined;
		this.#measurer = undefined;
		this.#codes = undefined;
		this.#data = undefined;
	}
}

export interface Ready {
	readonly taken: Taken;
	readonly index: Index;
	readonly params: { readonly nprobe?: number; readonly kFactor?: number };
}
