/**
 * An engine: one arena, the kernels over it and, if asked for, threads that share it. Indexes take `{ engine }`;
 * without it they share a default engine, which is made when it is first needed.
 */

import { VecinoError } from '../errors.ts';
import { checkInt, checkKeys, checkOneOf } from '../util/check.ts';
import { Arena } from './arena.ts';
import type { KernelBackend, KernelFunctions } from './kernels.ts';
import { applyPatch } from './patch.ts';
import { Pool } from './pool/pool.ts';
import { withSharedMemory } from './pool/shared-module.ts';
import { Tape } from './pool/tape.ts';
import { whyNoThreads } from './pool/thread.ts';
import { referenceKernels } from './reference/reference.ts';
import { fixedBase64, relaxedPatchBase64 } from './wasm.generated.ts';

/** Options of createEngineSync. */
export interface EngineOptions {
	/**
	 * 'auto' takes the fastest the runtime has: relaxed SIMD, fixed SIMD, plain TypeScript. All give the
	 * same bits. Default: 'auto'.
	 */
	readonly kernels?: 'auto' | KernelBackend | undefined;
	/** Ceiling of the engine's memory in bytes. Default: 4 GiB less 64 KiB, the most there is. */
	readonly maxBytes?: number | undefined;
}

/** Options of createEngine. */
export interface ThreadedEngineOptions extends EngineOptions {
	/**
	 * Worker threads that the async methods of indexes use, 1..64; with 1 they run on the calling thread. 'auto' takes as
	 * many as there are cores, or 1 where memory cannot be shared. Results do not depend on it. Default: 1.
	 */
	readonly threads?: number | 'auto' | undefined;
	/**
	 * In a browser whose content security policy forbids workers from `blob:` URLs: where the page serves the text that
	 * workerProgram() returns. Default: a blob.
	 */
	readonly workerUrl?: string | URL | undefined;
}

/** One memory, the kernels over it, and the threads that share it. */
export interface Engine extends Disposable {
	/** @internal */
	readonly arena: Arena;
	/** @internal */
	readonly kernels: KernelFunctions;
	/** Which kernels compute. */
	readonly backend: KernelBackend;
	/** Threads that async methods compute on; 1: the calling one. */
	readonly threads: number;
	/** @internal */
	readonly pool: Pool | undefined;
	/** Ends the threads; async methods of its indexes fail with `disposed` from then on. Nothing to do without threads. */
	[Symbol.dispose](): void;
}

const CHOICES = ['auto', 'relaxed', 'simd', 'reference'] as const;
const MAX_THREADS = 64;

/**
 * Makes an engine without blocking: the kernels compile in the background, threads are ready when it is.
 *
 * @throws {VecinoError} `unsupported` when the kernels or threads asked for do not run here.
 *
 * @example
 * using engine = await createEngine({ threads: 2 });
 * using index = new IndexIVFPQ({ d: 64, nlist: 20, m: 16, engine });
 * await index.trainAsync(vectors);
 * await index.addAsync(vectors);
 * console.log(engine.threads, (await index.searchAsync(queries, 10)).nq); // 2 10
 */
export async function createEngine(options: ThreadedEngineOptions = {}): Promise<Engine> {
	const { threads: asked = 1, workerUrl, ...rest } = options;
	const where = 'createEngine';
	checkKeys(where, options, ['kernels', 'maxBytes', 'threads', 'workerUrl']);
	const threads = asked === 'auto' ? autoThreads() : checkInt(where, 'threads', asked, 1, MAX_THREADS);
	if (threads > 1) {
		try {
			return await createThreaded(where, rest, threads, workerUrl);
		} catch (error) {
			if (asked !== 'auto') throw error;
		}
	}
	const { backend, bytes } = plan(where, rest);
	const arena = new Arena(rest.maxBytes);
	if (bytes === undefined) return makeEngine(arena, backend, referenceKernels(arena));
	const { instance } = await WebAssembly.instantiate(bytes, { env: { memory: arena.memory } });
	return makeEngine(arena, backend, bind(instance));
}

async function createThreaded(
	where: string,
	options: EngineOptions,
	threads: number,
	workerUrl: string | URL | undefined,
): Promise<Engine> {
	const { backend, bytes } = plan(where, options);
	const unsupported = (why: string, cause?: unknown): VecinoError => {
		const message = `${where}: threads: ${threads} cannot be had: ${why}; use threads: 1, or 'auto' to take what there is`;
		return new VecinoError('unsupported', message, { found: threads, cause });
	};
	const missing = bytes === undefined ? `the '${backend}' kernels are not WebAssembly` : whyNoThreads();
	if (bytes === undefined || missing !== undefined) throw unsupported(missing!);
	try {
		const shared = withSharedMemory(bytes);
		const arena = new Arena(options.maxBytes, true);
		const module = await WebAssembly.compile(shared);
		const tape = new Tape(bind(await WebAssembly.instantiate(module, { env: { memory: arena.memory } })));
		const pool = new Pool({ threads, module, memory: arena.memory, tape, workerUrl });
		await pool.start();
		return makeEngine(arena, backend, tape.kernels, pool);
	} catch (cause) {
		throw unsupported(cause instanceof Error ? cause.message : String(cause), cause);
	}
}

/** As many as there are cores, where threads can be had. */
function autoThreads(): number {
	if (whyNoThreads() !== undefined) return 1;
	return Math.max(1, Math.min(MAX_THREADS, globalThis.navigator?.hardwareConcurrency ?? 1));
}

/** Ends the threads of engines that nobody has kept or disposed of. */
const forgotten = new FinalizationRegistry<Pool>((pool) => pool.dispose());

function makeEngine(arena: Arena, backend: KernelBackend, kernels: KernelFunctions, pool?: Pool): Engine {
	const threads = pool?.threads ?? 1;
	const engine = Object.freeze({ arena, backend, kernels, threads, pool, [Symbol.dispose]: () => pool?.dispose() });
	if (pool !== undefined) forgotten.register(engine, pool);
	return engine;
}

/**
 * Makes an engine at once. Some browsers refuse to compile on their main thread; then the plain
 * TypeScript kernels are used, which give the same results slowly: prefer createEngine there.
 *
 * @throws {VecinoError} `unsupported` when the kernels asked for do not run here.
 *
 * @example
 * using engine = createEngineSync({ kernels: 'reference', maxBytes: 2 ** 26 });
 * using index = new IndexFlat({ d: 64, engine });
 * console.log(engine.backend, index.add(vectors).search(queries, 10).nq); // reference 10
 */
export function createEngineSync(options: EngineOptions = {}): Engine {
	const { backend, bytes } = plan('createEngineSync', options);
	const arena = new Arena(options.maxBytes);
	if (bytes === undefined) return makeEngine(arena, backend, referenceKernels(arena));
	try {
		const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: arena.memory } });
		return makeEngine(arena, backend, bind(instance));
	} catch (cause) {
		if (!(cause instanceof RangeError) || (options.kernels ?? 'auto') !== 'auto') throw cause;
		return makeEngine(arena, 'reference', referenceKernels(arena));
	}
}

let shared: Engine | undefined;

/**
 * The engine of indexes that were given none.
 *
 * @example
 * console.log(defaultEngine() === defaultEngine(), defaultEngine().threads); // true 1
 */
export function defaultEngine(): Engine {
	shared ??= createEngineSync();
	return shared;
}

/**
 * Replaces the default engine for indexes made from now on.
 *
 * @example
 * const before = defaultEngine();
 * using small = createEngineSync({ maxBytes: 2 ** 26 });
 * setDefaultEngine(small);
 * console.log(defaultEngine() === small); // true
 * setDefaultEngine(before);
 */
export function setDefaultEngine(engine: Engine): void {
	shared = engine;
}

function plan(where: string, options: EngineOptions) {
	checkKeys(where, options, ['kernels', 'maxBytes']);
	const choice = checkOneOf(where, 'kernels', options.kernels ?? 'auto', CHOICES);
	const maxBytes = options.maxBytes;
	if (maxBytes !== undefined) checkInt(where, 'maxBytes', maxBytes, 65536, 2 ** 32);
	const order: readonly KernelBackend[] = choice === 'auto' ? ['relaxed', 'simd', 'reference'] : [choice];
	for (const backend of order) {
		if (backend === 'reference') return { backend, bytes: undefined };
		const fixed = decodeBase64(fixedBase64);
		const bytes = backend === 'relaxed' ? applyPatch(fixed, decodeBase64(relaxedPatchBase64)) : fixed;
		if (WebAssembly.validate(bytes)) return { backend, bytes };
	}
	const message = `${where}: this runtime does not validate the '${choice}' kernels; use kernels: 'auto'`;
	throw new VecinoError('unsupported', message, { found: choice });
}

/** The functions of a kernel module; test/kernels/conformance.test.ts holds their names against the reference's. */
function bind(instance: WebAssembly.Instance): KernelFunctions {
	const kernels = Object.entries(instance.exports).filter(([, kernel]) => typeof kernel === 'function');
	return Object.freeze(Object.fromEntries(kernels)) as unknown as KernelFunctions;
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> {
	const binary = atob(text);
	const bytes = new Uint8Array(binary.length);
	for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
	return bytes;
}
