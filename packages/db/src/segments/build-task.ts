/**
 * The work of the background, as functions of bytes and vectors: run by a thread (builder.ts), or in slices where there are
 * none (build-thread.ts). Nothing is kept between calls but models that were handed over, so that a thread may die at any
 * moment and the work be done again by another.
 */

import {
	createEngineSync,
	type Engine,
	exactNeighbors,
	type Index,
	indexFactory,
	type Metric,
	readIndex,
	VectorSet,
	writeIndex,
} from 'vecino';

/** A model by name; bytes where the builder may not have it yet. */
export interface ModelBytes {
	readonly name: string;
	readonly bytes?: Uint8Array | undefined;
}

export interface TrainTask {
	readonly spec: string;
	readonly d: number;
	readonly metric: Metric;
	/** Vectors that the model is made for. */
	readonly n: number;
	/** Layout (rows, d). */
	readonly sample: Float32Array;
}

export interface EncodeTask {
	readonly model: ModelBytes;
	/** Layout (rows, d). */
	readonly vectors: Float32Array;
	/** Rows of a piece; 0: no pieces. */
	readonly pieceRows: number;
}

export interface Encoded {
	/** The segment file. */
	readonly file: Uint8Array;
	/** The same rows, pieceRows in each, to be merged one by one; none where one piece would be the file. */
	readonly pieces: readonly Uint8Array[];
}

/** A part of a segment to be. */
export interface CompactSource {
	/** A segment file. */
	readonly file: Uint8Array;
	/** Its labels that are alive; undefined: all, and codes are taken as they are. */
	readonly alive?: Uint32Array | undefined;
	/** The exact vectors of those, layout (rows, d); undefined: what the codes stand for. */
	readonly vectors?: Float32Array | undefined;
}

export interface CompactTask {
	readonly model: ModelBytes;
	/** In the order of their rows. */
	readonly sources: readonly CompactSource[];
}

/** Decodes rows of a segment file. */
export interface DecodeTask {
	readonly file: Uint8Array;
	readonly labels: Uint32Array;
}

export interface TruthTask {
	readonly d: number;
	readonly metric: Metric;
	readonly k: number;
	/** Layout (queries, d), (rows, d). */
	readonly queries: Float32Array;
	readonly rows: Float32Array;
}

/** Exact neighbours, layout (queries, k); labels are row numbers, -1 where there are fewer. */
export interface Truth {
	readonly labels: Float64Array;
	readonly distances: Float32Array;
}

/** What a builder does; everything is async, so that a thread or slices can stand behind it. */
export interface BuildWork {
	/** A trained, empty index as a file. */
	train(task: TrainTask): Promise<Uint8Array>;
	/** Codes rows. */
	encode(task: EncodeTask): Promise<Encoded>;
	/** Makes one segment of several, without rows that are gone. */
	compact(task: CompactTask): Promise<Uint8Array>;
	decode(task: DecodeTask): Promise<Float32Array>;
	truth(task: TruthTask): Promise<Truth>;
}

/** Rows that are coded between two looks at the clock where nothing else says so. */
const DECODED_ROWS = 1024;

/** The work, in an engine of its own. */
export class Workbench implements BuildWork, Disposable {
	readonly #sliceMs: number;
	readonly #given: Engine | undefined;
	#engine: Engine | undefined;
	#model: { readonly name: string; readonly index: Index } | undefined;

	/**
	 * @param sliceMs - Longest time between two turns of the event loop.
	 * @param engine - Default: one of its own, from the first task on.
	 */
	constructor(sliceMs: number, engine?: Engine) {
		this.#sliceMs = sliceMs;
		this.#given = engine;
	}

	async train({ spec, d, metric, n, sample }: TrainTask): Promise<Uint8Array> {
		using index = indexFactory(d, spec, { metric, n, engine: this.#use() });
		await index.trainAsync(sample, { sliceMs: this.#sliceMs });
		return writeIndex(index);
	}

	async encode({ model, vectors, pieceRows }: EncodeTask): Promise<Encoded> {
		const trained = this.#learn(model);
		using whole = trained.cloneTrained();
		const { d } = trained;
		const n = vectors.length / d;
		if (pieceRows === 0 || n <= pieceRows) {
			await whole.addAsync(vectors, { sliceMs: this.#sliceMs });
			return { file: writeIndex(whole), pieces: [] };
		}
		const pieces: Uint8Array[] = [];
		using piece = trained.cloneTrained();
		for (let start = 0; start < n; start += pieceRows) {
			piece.reset();
			await piece.addAsync(vectors.subarray(start * d, (start + pieceRows) * d), { sliceMs: this.#sliceMs });
			pieces.push(writeIndex(piece));
			await whole.mergeFromAsync(piece, { sliceMs: this.#sliceMs });
		}
		return { file: writeIndex(whole), pieces };
	}

	async compact({ model, sources }: CompactTask): Promise<Uint8Array> {
		using whole = this.#learn(model).cloneTrained();
		const { d } = whole;
		const sliceMs = this.#sliceMs;
		for (const { file, alive, vectors } of sources) {
			if (alive?.length === 0) continue;
			if (vectors !== undefined) {
				await whole.addAsync(vectors, { sliceMs });
				continue;
			}
			using segment = readIndex(file, { engine: this.#use() });
			if (alive === undefined) {
				await whole.mergeFromAsync(segment, { sliceMs });
				continue;
			}
			const decoded = await decode(segment, alive, d);
			await whole.addAsync(decoded, { sliceMs });
		}
		return writeIndex(whole.shrink());
	}

	async decode({ file, labels }: DecodeTask): Promise<Float32Array> {
		using segment = readIndex(file, { engine: this.#use() });
		return decode(segment, labels, segment.d);
	}

	async truth({ d, metric, k, queries, rows }: TruthTask): Promise<Truth> {
		const found = exactNeighbors(new VectorSet(rows, d), queries, k, { metric, engine: this.#use() });
		return { labels: found.labels, distances: found.distances };
	}

	#use(): Engine {
		this.#engine ??= this.#given ?? createEngineSync();
		return this.#engine;
	}

	/** The index of a model, the last one asked for kept. @throws {UnknownModel} when its bytes are needed. */
	#learn({ name, bytes }: ModelBytes): Index {
		if (this.#model?.name === name) return this.#model.index;
		if (bytes === undefined) throw new UnknownModel();
		this.#model?.index[Symbol.dispose]();
		this.#model = undefined;
		this.#model = { name, index: readIndex(bytes, { engine: this.#use() }) };
		return this.#model.index;
	}

	/** The engine's memory goes with it. */
	[Symbol.dispose](): void {
		this.#model?.index[Symbol.dispose]();
		this.#model = undefined;
		if (this.#engine !== this.#given) this.#engine?.[Symbol.dispose]();
		this.#engine = undefined;
	}
}

/** The builder needs the bytes of the model. */
export class UnknownModel extends Error {
	override readonly name = 'UnknownModel';
}

async function decode(segment: Index, labels: Uint32Array, d: number): Promise<Float32Array> {
	const out = new Float32Array(labels.length * d);
	for (let start = 0; start < labels.length; start += DECODED_ROWS) {
		out.set(segment.reconstructMany(labels.subarray(start, start + DECODED_ROWS)).data, start * d);
		await nextTurn();
	}
	return out;
}

/** Lets timers, input and output have their turn. */
export function nextTurn(): Promise<void> {
	return new Promise((resolve) => setImmediate(resolve));
}
