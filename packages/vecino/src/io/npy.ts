/**
 * NumPy's .npy files: one array, a short header before its raw values.
 *
 *     offset  bytes  what
 *     0       6      93 "NUMPY"
 *     6       2      version: 1.0, 2.0 or 3.0
 *     8       2 | 4  length of the header text: u16 in version 1, u32 in 2 and 3
 *     10 | 12        a Python dict literal, e.g. {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *     ...            the values; their offset is a multiple of 64 in files NumPy writes
 *
 * The dict holds exactly the keys descr, fortran_order and shape. The parser below accepts that and
 * nothing else: it never evaluates, never recurses, and reads at most MAX_HEADER bytes.
 * Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */

import { VecinoError } from '../errors.ts';
import { checkInt, checkOneOf, show } from '../util/check.ts';

/** Types of value we read: NumPy's kind and bytes per value. All little-endian. */
export type NpyDtype = 'f2' | 'f4' | 'f8' | 'u1' | 'i1' | 'i4' | 'i8';

/** What the header of a .npy file says. */
export interface NpyHeader {
	readonly dtype: NpyDtype;
	/** Rows, >= 0. */
	readonly n: number;
	/** Values per row, >= 1. */
	readonly d: number;
	/** True when values are stored column by column, layout (d, n). */
	readonly fortranOrder: boolean;
	/** Where the values begin, bytes. */
	readonly dataOffset: number;
}

/** Typed arrays that encodeNpy writes, each as the NumPy type of the same values. */
export type NpyArray = Float32Array | Float64Array | Uint8Array | Int8Array | Int32Array;

/** The longest prefix that parseNpyHeader may ask for, bytes: magic, version, length and MAX_HEADER. */
export const MAX_NPY_PREFIX: number = 12 + 65_536;

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Longest header text accepted, bytes; NumPy itself refuses more than 10,000 characters by default. */
const MAX_HEADER = 65_536;
const DTYPES: readonly string[] = ['f2', 'f4', 'f8', 'u1', 'i1', 'i4', 'i8'];
/** Widest row accepted; no embedding comes near it. */
const MAX_D = 2 ** 20;

/** True when `head`, the first bytes of a file, begins as a .npy file does. */
export function isNpy(head: Uint8Array): boolean {
	return MAGIC.every((byte, i) => head[i] === byte);
}

/**
 * Reads the header of a two-dimensional array.
 *
 * @param head The file's first bytes: the whole file, or its first MAX_NPY_PREFIX bytes.
 * @param name The file's name, for messages.
 * @throws VecinoError 'corrupt-data' for a header that breaks the format, 'unsupported-version' for one newer
 *   than 3.0, 'unsupported' for a sound array that is not a little-endian [n, d] array of numbers we read.
 */
export function parseNpyHeader(head: Uint8Array, name: string): NpyHeader {
	if (!isNpy(head)) throw corrupt(name, 'not a .npy file: it does not begin with the bytes 93 "NUMPY"', 0);
	if (head.length < 10) throw corrupt(name, `cut short within its header, after ${head.length} bytes`, head.length);
	const major = head[6]!;
	const minor = head[7]!;
	if (major < 1 || major > 3 || minor !== 0) {
		const message = `${name}: .npy version ${major}.${minor}; versions 1.0, 2.0 and 3.0 are supported`;
		throw new VecinoError('unsupported-version', message, { found: `${major}.${minor}` });
	}
	const start = major === 1 ? 10 : 12;
	if (head.length < start) throw corrupt(name, `cut short within its header, after ${head.length} bytes`, head.length);
	const length = head[8]! + head[9]! * 2 ** 8 + (major === 1 ? 0 : head[10]! * 2 ** 16 + head[11]! * 2 ** 24);
	if (length > MAX_HEADER) {
		throw corrupt(name, `its header claims ${length} bytes; no .npy header is longer than ${MAX_HEADER}`, 8);
	}
	if (head.length < start + length) {
		const expected = start + length;
		throw corrupt(name, `cut short within its header: ${expected} bytes expected, ${head.length} found`, head.length);
	}
	const { descr, fortranOrder, shape } = parseDict(head, start, start + length, name);
	const dtype = checkDescr(descr, name);
	const [n, d] = checkShape(shape, name);
	return { dtype, n, d, fortranOrder, dataOffset: start + length };
}

/**
 * The header NumPy itself writes before a C-order [n, d] array: version 1.0, a multiple of 64 bytes long.
 * Its length does not depend on n, so a writer that learns n at the end can replace it in place.
 *
 * @throws TypeError or RangeError for n < 0, d < 1 or an unknown dtype.
 */
export function npyHeader(n: number, d: number, dtype: NpyDtype): Uint8Array<ArrayBuffer> {
	checkInt('npyHeader', 'n', n, 0, Number.MAX_SAFE_INTEGER);
	checkInt('npyHeader', 'd', d, 1, MAX_D);
	checkOneOf('npyHeader', 'dtype', dtype, DTYPES);
	const order = dtype.endsWith('1') ? '|' : '<';
	// NumPy leaves room for a shape[0] of 21 digits, so that a file can grow in place.
	const spare = ' '.repeat(21 - String(n).length);
	const text = `{'descr': '${order}${dtype}', 'fortran_order': False, 'shape': (${n}, ${d}), }${spare}`;
	const padding = 64 - ((10 + text.length + 1) % 64);
	const length = text.length + padding + 1;
	const bytes = new Uint8Array(10 + length);
	bytes.set(MAGIC);
	bytes.set([1, 0, length & 0xff, length >> 8], 6);
	bytes.set(new TextEncoder().encode(`${text}${' '.repeat(padding)}\n`), 10);
	return bytes;
}

/**
 * A whole .npy file in memory: `data`, layout (n, d), with the dtype of its element type. Values are written
 * as they are; NaN is not refused here, as NumPy would not.
 *
 * @throws RangeError when data.length is not a multiple of d.
 *
 * @example
 * const bytes = encodeNpy(Float32Array.of(1, 2, 3, 4), 2);
 * const file = await openVectorSource(bytesSource(bytes), { name: 'two.npy' });
 * console.log(file.n, file.d, await file.read(1, 1)); // 2 2 Float32Array(2) [3, 4]
 */
export function encodeNpy(data: NpyArray, d: number): Uint8Array<ArrayBuffer> {
	checkInt('encodeNpy', 'd', d, 1, MAX_D);
	if (data.length % d !== 0) {
		throw new RangeError(`encodeNpy: data must hold whole rows of d = ${d} values, got ${data.length} values`);
	}
	const header = npyHeader(data.length / d, d, npyDtypeOf(data));
	const bytes = new Uint8Array(header.length + data.byteLength);
	bytes.set(header);
	bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), header.length);
	return bytes;
}

/** The dtype that holds a typed array's values as they are. */
export function npyDtypeOf(data: NpyArray): NpyDtype {
	if (data instanceof Float32Array) return 'f4';
	if (data instanceof Float64Array) return 'f8';
	if (data instanceof Uint8Array) return 'u1';
	if (data instanceof Int8Array) return 'i1';
	if (data instanceof Int32Array) return 'i4';
	throw new TypeError(`encodeNpy: data must be a typed array of floats, bytes or int32, got ${show(data)}`);
}

/** The three values of the dict, as written. */
interface HeaderFields {
	readonly descr: string;
	readonly fortranOrder: boolean;
	readonly shape: readonly number[];
}

/** One token of the dict: a string, a boolean, an integer, or a sign. Anchored, linear, no back-tracking. */
const TOKEN = /[ \t\r\n]*(?:[ub]?'([^'\\\n]*)'|[ub]?"([^"\\\n]*)"|(True|False)|(\d+)L?|([{}()[\]:,]))/y;

/** Reads the dict literal at bytes start..end. The text is ASCII in every file we accept. */
function parseDict(bytes: Uint8Array, start: number, end: number, name: string): HeaderFields {
	let text = '';
	for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]!);
	let pos = 0;
	const damaged = (what: string): VecinoError =>
		corrupt(name, `damaged .npy header: ${what} (near byte ${start + pos})`, start + pos);
	const next = (): Token => {
		TOKEN.lastIndex = pos;
		const match = TOKEN.exec(text);
		if (match === null) throw damaged('not a Python dict of descr, fortran_order and shape');
		pos = TOKEN.lastIndex;
		const [, single, double, boolean, digits, sign] = match;
		return { text: single ?? double, boolean, digits, sign };
	};

	let descr: string | undefined;
	let fortranOrder: boolean | undefined;
	let shape: readonly number[] | undefined;
	if (next().sign !== '{') throw damaged("'{' was expected");
	for (let token = next(); token.sign !== '}'; token = next()) {
		if (token.text === undefined) throw damaged('a quoted key was expected');
		if (next().sign !== ':') throw damaged("':' was expected");
		const value = next();
		if (token.text === 'descr' && descr === undefined) {
			descr = value.text;
			if (value.sign === '[' || value.sign === '(') throw structured(name);
			if (descr === undefined) throw damaged('descr must be a string');
		} else if (token.text === 'fortran_order' && fortranOrder === undefined) {
			if (value.boolean === undefined) throw damaged('fortran_order must be True or False');
			fortranOrder = value.boolean === 'True';
		} else if (token.text === 'shape' && shape === undefined) {
			if (value.sign !== '(') throw damaged('shape must be a tuple');
			shape = parseTuple(next, damaged);
		} else throw damaged(`unexpected or repeated key ${show(token.text)}`);
		const { sign } = next();
		if (sign === '}') break;
		if (sign !== ',') throw damaged("',' or '}' was expected");
	}
	if (text.slice(pos).trim() !== '') throw damaged('text after the closing brace');
	if (descr === undefined) throw damaged('no descr');
	if (fortranOrder === undefined) throw damaged('no fortran_order');
	if (shape === undefined) throw damaged('no shape');
	return { descr, fortranOrder, shape };
}

interface Token {
	readonly text: string | undefined;
	readonly boolean: string | undefined;
	readonly digits: string | undefined;
	readonly sign: string | undefined;
}

/** The rest of a tuple of integers after its '(': (), (3,), (3, 4) or (3, 4,). */
function parseTuple(next: () => Token, damaged: (what: string) => VecinoError): readonly number[] {
	const values: number[] = [];
	for (let token = next(); token.sign !== ')'; token = next()) {
		const { digits } = token;
		if (digits === undefined || /^0\d/.test(digits)) throw damaged('shape must hold whole numbers');
		const value = Number(digits);
		if (!Number.isSafeInteger(value)) throw damaged(`shape holds ${show(digits)}, more than any file can`);
		values.push(value);
		const { sign } = next();
		if (sign === ')' && values.length > 1) break;
		if (sign !== ',') throw damaged('shape must be a tuple');
	}
	return values;
}

/** A list as descr is a structured dtype, a tuple a sub-array dtype: both are refused unread. */
function structured(name: string): VecinoError {
	const message = `${name}: a structured array (rows of named fields), not an array of numbers; save one field,`;
	return new VecinoError('unsupported', `${message} e.g. np.save(f, x['field'].astype('<f4'))`);
}

/** NumPy's kinds of dtype, for messages; those followed by a size are completed with it. */
const KINDS: Readonly<Record<string, string>> = {
	b: 'booleans',
	i: 'integers',
	u: 'unsigned integers',
	f: 'floats',
	c: 'complex numbers',
	O: 'Python objects',
	S: 'byte strings',
	a: 'byte strings',
	U: 'strings',
	M: 'dates',
	m: 'time spans',
	V: 'raw bytes, perhaps bfloat16',
};

function checkDescr(descr: string, name: string): NpyDtype {
	const match = /^([<>=|]?)([a-zA-Z])(\d*)(?:\[[a-zA-Z0-9]+\])?$/.exec(descr);
	if (match === null) throw corrupt(name, `damaged .npy header: ${show(descr)} is no dtype`, 0);
	const [, order, kind, size] = match as unknown as [string, string, string, string];
	const dtype = kind + size;
	if (order === '>' && size !== '1' && 'iufc'.includes(kind)) {
		const message = `${name}: big-endian values (${descr}) are not supported; convert with`;
		throw new VecinoError('unsupported', `${message} np.save(f, x.astype('<${kind === 'f' ? dtype : 'f4'}'))`);
	}
	if (DTYPES.includes(dtype)) return dtype as NpyDtype;
	const what = `dtype ${show(descr)} (${KINDS[kind] ?? 'an unknown kind'}) is not supported`;
	const advice = "supported are f2, f4, f8, u1, i1, i4 and i8; convert with np.save(f, x.astype('<f4'))";
	throw new VecinoError('unsupported', `${name}: ${what}; ${advice}`, { found: descr });
}

function checkShape(shape: readonly number[], name: string): readonly [n: number, d: number] {
	const text =
		shape.length === 1 ? `(${shape[0]},)` : `(${shape.slice(0, 8).join(', ')}${shape.length > 8 ? ', ...' : ''})`;
	const found = { expected: '[n, d]', found: text };
	if (shape.length !== 2) {
		const advice =
			shape.length === 1 ? 'x.reshape(1, -1) for one vector, x.reshape(-1, d) for several' : 'x.reshape(-1, d)';
		const message = `${name}: its shape is ${text}; a 2-D array [n, d] is expected; reshape it with ${advice}`;
		throw new VecinoError('unsupported', message, found);
	}
	const [n, d] = shape as readonly [number, number];
	if (d === 0) throw new VecinoError('unsupported', `${name}: its shape is ${text}: vectors of no values`, found);
	if (d > MAX_D) {
		throw new VecinoError('unsupported', `${name}: its shape is ${text}; d must be at most ${MAX_D}`, found);
	}
	return [n, d];
}

function corrupt(name: string, what: string, offset: number): VecinoError {
	return new VecinoError('corrupt-data', `${name}: ${what}`, { offset });
}
