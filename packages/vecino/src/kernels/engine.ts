/**
 * An engine: one arena and the kernels over it. Indexes take `{ engine }`; without it they share a
 * default engine, which is made when it is first needed.
 */

import { VecinoError } from '../errors.ts';
import { checkInt, checkKeys, checkOneOf } from '../util/check.ts';
import { Arena } from './arena.ts';
import type { KernelBackend, KernelFunctions } from './kernels.ts';
import { applyPatch } from './patch.ts';
import { referenceKernels } from './reference/reference.ts';
import { fixedBase64, relaxedPatchBase64 } from './wasm.generated.ts';

/** Options of createEngine. */
export interface EngineOptions {
	/**
	 * 'auto' takes the fastest the runtime has: relaxed SIMD, fixed SIMD, plain TypeScript. All give the
	 * same bits. Default: 'auto'.
	 */
	readonly kernels?: 'auto' | KernelBackend | undefined;
	/** Ceiling of the engine's memory in bytes. Default: 4 GiB less 64 KiB, the most there is. */
	readonly maxBytes?: number | undefined;
}

/** One memory and the kernels over it. */
export interface Engine {
	readonly arena: Arena;
	readonly kernels: KernelFunctions;
	readonly backend: KernelBackend;
}

const CHOICES = ['auto', 'relaxed', 'simd', 'reference'] as const;

/**
 * Makes an engine without blocking: the kernels compile in the background.
 *
 * @throws {VecinoError} `unsupported` when the kernels asked for do not run here.
 */
export async function createEngine(options: EngineOptions = {}): Promise<Engine> {
	const { arena, backend, bytes } = plan('createEngine', options);
	if (bytes === undefined) return Object.freeze({ arena, backend, kernels: referenceKernels(arena) });
	const { instance } = await WebAssembly.instantiate(bytes, { env: { memory: arena.memory } });
	return Object.freeze({ arena, backend, kernels: bind(instance) });
}

/**
 * Makes an engine at once. Some browsers refuse to compile on their main thread; then the plain
 * TypeScript kernels are used, which give the same results slowly: prefer createEngine there.
 *
 * @throws {VecinoError} `unsupported` when the kernels asked for do not run here.
 */
export function createEngineSync(options: EngineOptions = {}): Engine {
	const { arena, backend, bytes } = plan('createEngineSync', options);
	if (bytes === undefined) return Object.freeze({ arena, backend, kernels: referenceKernels(arena) });
	try {
		const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory: arena.memory } });
		return Object.freeze({ arena, backend, kernels: bind(instance) });
	} catch (cause) {
		if (!(cause instanceof RangeError) || (options.kernels ?? 'auto') !== 'auto') throw cause;
		return Object.freeze({ arena, backend: 'reference', kernels: referenceKernels(arena) });
	}
}

let shared: Engine | undefined;

/** The engine of indexes that were given none. */
export function defaultEngine(): Engine {
	shared ??= createEngineSync();
	return shared;
}

/** Replaces the default engine for indexes made from now on. */
export function setDefaultEngine(engine: Engine): void {
	shared = engine;
}

function plan(where: string, options: EngineOptions) {
	checkKeys(where, options, ['kernels', 'maxBytes']);
	const choice = checkOneOf(where, 'kernels', options.kernels ?? 'auto', CHOICES);
	const maxBytes = options.maxBytes;
	if (maxBytes !== undefined) checkInt(where, 'maxBytes', maxBytes, 65536, 2 ** 32);
	const arena = new Arena(maxBytes);
	const order: readonly KernelBackend[] = choice === 'auto' ? ['relaxed', 'simd', 'reference'] : [choice];
	for (const backend of order) {
		if (backend === 'reference') return { arena, backend, bytes: undefined };
		const fixed = decodeBase64(fixedBase64);
		const bytes = backend === 'relaxed' ? applyPatch(fixed, decodeBase64(relaxedPatchBase64)) : fixed;
		if (WebAssembly.validate(bytes)) return { arena, backend, bytes };
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
