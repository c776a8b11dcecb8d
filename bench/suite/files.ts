/** Raw little-endian float32 and int32 files: what both sides read, byte for byte the same. */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

/** Node reads and writes at most 2 GiB at once. */
const PART = 2 ** 30;

export function readFloats(path: string): Float32Array<ArrayBuffer> {
	return new Float32Array(readBytes(path).buffer);
}

export function readInts(path: string): Int32Array<ArrayBuffer> {
	return new Int32Array(readBytes(path).buffer);
}

/** Written under another name first: a file that is there is whole. */
export function writeValues(path: string, values: Float32Array | Int32Array): void {
	const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
	mkdirSync(dirname(path), { recursive: true });
	const unfinished = `${path}.${process.pid}.tmp`;
	const file = openSync(unfinished, 'w');
	try {
		for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, Math.min(PART, bytes.length - at));
	} finally {
		closeSync(file);
	}
	renameSync(unfinished, path);
}

function readBytes(path: string): Uint8Array<ArrayBuffer> {
	const file = openSync(path, 'r');
	try {
		const bytes = new Uint8Array(fstatSync(file).size);
		for (let at = 0; at < bytes.length; ) {
			const read = readSync(file, bytes, at, Math.min(PART, bytes.length - at), at);
			if (read === 0) throw new Error(`${path} became shorter while it was read`);
			at += read;
		}
		return bytes;
	} finally {
		closeSync(file);
	}
}
