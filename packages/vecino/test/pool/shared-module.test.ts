/** The kernel binaries with a shared memory. */
import { describe, expect, it } from 'vitest';
import { applyPatch } from '../../src/kernels/patch.ts';
import { withSharedMemory } from '../../src/kernels/pool/shared-module.ts';
import { fixedBase64, relaxedPatchBase64 } from '../../src/kernels/wasm.generated.ts';

const bytesOf = (base64: string): Uint8Array => Uint8Array.from(Buffer.from(base64, 'base64'));
const sharedMemory = (initial: number): WebAssembly.Memory =>
	new WebAssembly.Memory({ initial, maximum: 100, shared: true });

describe.each([
	['fixed', bytesOf(fixedBase64)],
	['relaxed', applyPatch(bytesOf(fixedBase64), bytesOf(relaxedPatchBase64))],
])('the %s build', (_name, before) => {
	it('validates, imports a shared memory, and differs in nothing else', async () => {
		const after = withSharedMemory(before);
		expect(WebAssembly.validate(after)).toBe(true);
		const module = await WebAssembly.compile(after);
		expect(WebAssembly.Module.imports(module)).toEqual([{ module: 'env', name: 'memory', kind: 'memory' }]);
		await WebAssembly.instantiate(module, { env: { memory: sharedMemory(1) } });
		const memory = new WebAssembly.Memory({ initial: 1, maximum: 100 });
		const plain = WebAssembly.instantiate(module, { env: { memory } });
		await expect(plain).rejects.toThrow(/shared/);
		const tail = 20_000;
		expect(after.subarray(-tail)).toEqual(before.subarray(-tail));
	});
});

/** A number as WebAssembly writes it, with `length` bytes: longer than needed is allowed. */
function leb(value: number, length = 1): number[] {
	const bytes: number[] = [];
	for (let i = 0, rest = value; i < length; i++, rest >>= 7) bytes.push((rest & 127) | (i + 1 < length ? 128 : 0));
	return bytes;
}

const name = (text: string): number[] => [...leb(text.length, 2), ...new TextEncoder().encode(text)];

/** A module that imports a function, a table, a global and then a memory. */
function module(limits: number[], headLength = 3): Uint8Array {
	const types = [1, 0x60, 0, 0];
	const imports = [
		...leb(4),
		...[...name('env'), ...name('f'), 0, 0],
		...[...name('env'), ...name('t'), 1, 0x70, 1, 0, 5],
		...[...name('env'), ...name('g'), 3, 0x7f, 0],
		...[...name('env'), ...name('memory'), 2, ...limits],
	];
	const sections = [
		...[1, ...leb(types.length), ...types],
		...[0, ...leb(5), 1, 0x78, 1, 2, 3],
		...[2, ...leb(imports.length, headLength), ...imports],
	];
	return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections]);
}

it.each([
	['no maximum', [0, 2]],
	['a maximum', [1, ...leb(2, 2), ...leb(300, 2)]],
])('other imports before it, long numbers, %s', (_name, limits) => {
	const before = module(limits);
	expect(WebAssembly.validate(before as BufferSource)).toBe(true);
	const after = withSharedMemory(before);
	expect(WebAssembly.validate(after)).toBe(true);
	const imports = {
		env: {
			f: () => {},
			t: new WebAssembly.Table({ element: 'anyfunc', initial: 1, maximum: 5 }),
			g: 7,
			memory: sharedMemory(2),
		},
	};
	expect(() => new WebAssembly.Instance(new WebAssembly.Module(after), imports)).not.toThrow();
	const small = { env: { ...imports.env, memory: sharedMemory(1) } };
	expect(() => new WebAssembly.Instance(new WebAssembly.Module(after), small)).toThrow(/smaller|size/);
});

it('refuses what has no memory to share', () => {
	const header = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
	expect(() => withSharedMemory(header)).toThrow('internal: the module imports nothing');
	const none = Uint8Array.of(...header, 2, 1, 0);
	expect(() => withSharedMemory(none)).toThrow('internal: the module imports no memory');
	expect(() => withSharedMemory(bytesOf(fixedBase64).subarray(0, 200))).toThrow(/internal: the module/);
	expect(() => withSharedMemory(Uint8Array.of(...header, 2, 255, 255, 255, 255, 255, 255))).toThrow(/too long/);
});
