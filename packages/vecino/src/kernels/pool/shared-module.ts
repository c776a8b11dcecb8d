/**
 * The kernel module for a shared memory. The binaries import an ordinary memory; a shared one differs in the limits of
 * that import alone (WebAssembly threads proposal), so they are changed as the module is loaded instead of shipping
 * every binary twice.
 */

/** Binary format of WebAssembly: module header, section and import kinds, flags of limits. */
const HEADER_BYTES = 8;
const IMPORT_SECTION = 2;
const FUNCTION = 0;
const TABLE = 1;
const MEMORY = 2;
const GLOBAL = 3;
const HAS_MAXIMUM = 1;
const SHARED_WITH_MAXIMUM = 3;
/** 4 GiB: any memory with a maximum fits. */
const MAX_PAGES = 65536;

/** A copy of the module whose imported memory is shared. */
export function withSharedMemory(module: Uint8Array): Uint8Array<ArrayBuffer> {
	const reader = new Reader(module, HEADER_BYTES);
	while (reader.at < module.length) {
		const sectionAt = reader.at;
		const id = reader.byte();
		const size = reader.leb();
		const contents = reader.at;
		if (id !== IMPORT_SECTION) {
			reader.at = contents + size;
			continue;
		}
		const [from, to, minimum] = memoryLimits(reader);
		const limits = [SHARED_WITH_MAXIMUM, ...encodeLeb(minimum), ...encodeLeb(MAX_PAGES)];
		const section = [...module.subarray(contents, from), ...limits, ...module.subarray(to, contents + size)];
		const head = [IMPORT_SECTION, ...encodeLeb(section.length)];
		return Uint8Array.from([
			...module.subarray(0, sectionAt),
			...head,
			...section,
			...module.subarray(contents + size),
		]);
	}
	throw new Error('internal: the module imports nothing');
}

/** Where the limits of the imported memory start and end, and the least pages it asks for. `reader` is at the imports. */
function memoryLimits(reader: Reader): [from: number, to: number, minimum: number] {
	const count = reader.leb();
	for (let i = 0; i < count; i++) {
		reader.name();
		reader.name();
		const kind = reader.byte();
		if (kind === MEMORY) {
			const from = reader.at;
			const minimum = reader.limits();
			return [from, reader.at, minimum];
		}
		if (kind === FUNCTION) reader.leb();
		else if (kind === GLOBAL) reader.at += 2;
		else if (kind === TABLE) {
			reader.byte();
			reader.limits();
		} else throw new Error(`internal: import kind ${kind}`);
	}
	throw new Error('internal: the module imports no memory');
}

class Reader {
	readonly #bytes: Uint8Array;
	at: number;

	constructor(bytes: Uint8Array, at: number) {
		this.#bytes = bytes;
		this.at = at;
	}

	byte(): number {
		if (this.at >= this.#bytes.length) throw new Error('internal: the module ends too early');
		return this.#bytes[this.at++]!;
	}

	/** An unsigned number of 32 bits, 7 in a byte, lowest first. */
	leb(): number {
		let value = 0;
		for (let shift = 0; shift < 35; shift += 7) {
			const byte = this.byte();
			value += (byte & 127) * 2 ** shift;
			if (byte < 128) return value;
		}
		throw new Error('internal: a number of the module is too long');
	}

	name(): void {
		const length = this.leb();
		this.at += length;
	}

	/** Skips limits; returns the lower one. */
	limits(): number {
		const flags = this.byte();
		const minimum = this.leb();
		if ((flags & HAS_MAXIMUM) !== 0) this.leb();
		return minimum;
	}
}

function encodeLeb(value: number): number[] {
	const bytes: number[] = [];
	let rest = value;
	do {
		bytes.push((rest % 128) + (rest >= 128 ? 128 : 0));
		rest = Math.floor(rest / 128);
	} while (rest > 0);
	return bytes;
}
