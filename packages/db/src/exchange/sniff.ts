/**
 * Which of the formats a file is, by its first bytes and its name; and what it is where it is none of them.
 */

import { VecinoError } from 'vecino';

/** Formats that are read and written: JSON lines, one JSON document (read only), .npy with JSON lines, Parquet. */
export type ExchangeFormat = 'jsonl' | 'json' | 'npy' | 'parquet';

/** What a file is taken for. */
export interface Sniffed {
	/** Undefined where it is none of them. */
	readonly format: ExchangeFormat | undefined;
	/** What it is otherwise, and what to do: a phrase to follow `name: `. */
	readonly what: string;
}

/** First bytes of files that are taken for entries by mistake. */
const SIGNATURES: readonly (readonly [prefix: string, what: string])[] = [
	['VECINO', 'a vecino index, which has vectors and labels but no entries; search it with vecino search'],
	['SQLite format 3\0', 'an SQLite database; open the folder it is in if that is a collection'],
	['version https://git-lfs', 'a Git LFS pointer, not the file itself; fetch that with git lfs pull'],
	['\x1f\x8b', 'compressed with gzip; decompress it first (gunzip)'],
	['\x28\xb5\x2f\xfd', 'compressed with zstd; decompress it first (zstd -d)'],
	['\xfd7zXZ\0', 'compressed with xz; decompress it first (unxz)'],
	['BZh', 'compressed with bzip2; decompress it first (bunzip2)'],
	['PK\x03\x04', 'a zip archive (.npz, .xlsx or PyTorch); save its vectors as .npy'],
	['\x89HDF\r\n\x1a\n', 'an HDF5 file; save one data set of it as .npy'],
	['ARROW1', 'an Arrow file; write it as Parquet: pyarrow.parquet.write_table(table, file)'],
	['\xff\xfe', 'UTF-16 text; save it as UTF-8'],
	['\xfe\xff', 'UTF-16 text; save it as UTF-8'],
	['%PDF', 'a PDF'],
];

/** Keys of the outermost object of a JSON document; `vectors` and the like with what is in them. */
const DOCUMENT_KEY =
	/^\s*\{\s*"(dimension|next_id|metric|metadatas|vectors|embeddings|entries|rows|items|records|points|ids|data|version)"\s*:/;

/**
 * Tells formats apart.
 *
 * @param head - The first bytes of the file, 4096 or so; all of it where it is shorter.
 * @param name - Its name; the extension decides where the bytes do not.
 *
 * @example
 * const head = new TextEncoder().encode('{"id":1,"vector":[1,2]}\n{"id":2,"vector":[3,4]}\n');
 * console.log(sniffExchange(head, 'rows.txt').format); // jsonl
 */
export function sniffExchange(head: Uint8Array, name = ''): Sniffed {
	const known = (format: ExchangeFormat): Sniffed => ({ format, what: format });
	const none = (what: string): Sniffed => ({ format: undefined, what });
	// No lines are no entries.
	if (head.length === 0) return /\.(jsonl|ndjson)$/i.test(name) ? known('jsonl') : none('an empty file');
	const start = String.fromCharCode(...head.subarray(0, 64));
	if (start.startsWith('PAR1')) return known('parquet');
	if (start.startsWith('\x93NUMPY')) return known('npy');
	const signature = SIGNATURES.find(([prefix]) => start.startsWith(prefix));
	if (signature !== undefined) return none(signature[1]);
	if (isFaiss(head)) return none('a FAISS index; open it with vecino info or vecino convert');
	if (head[0] === 0x80 && head[1]! >= 2 && head[1]! <= 5) return none('a Python pickle; save it as JSON lines');
	const text = decode(head);
	if (text === undefined) {
		const vectors = /\.([fbi]vecs)$/i.exec(name)?.[1];
		if (vectors === undefined) return none('no format that is known here');
		return none(`vectors alone (.${vectors}); make them .npy with vecino convert, with metadata.jsonl beside it`);
	}
	return sniffText(text, name, known, none);
}

/** What a format is called for people. */
export function formatName(format: ExchangeFormat): string {
	return { jsonl: 'JSON lines', json: 'JSON', npy: '.npy and JSON lines', parquet: 'Parquet' }[format];
}

/** The format that the name of an output says: .jsonl, .ndjson, .parquet, .npy, or a name without a dot for .npy in a folder. */
export function formatOfOutput(path: string): ExchangeFormat {
	const extension = /\.([a-z0-9]+)$/i.exec(path)?.[1]?.toLowerCase();
	if (extension === 'jsonl' || extension === 'ndjson') return 'jsonl';
	if (extension === 'parquet' || extension === 'pq') return 'parquet';
	if (extension === 'npy' || extension === undefined) return 'npy';
	const advice = 'end it in .jsonl or .parquet, give a folder for vectors.npy and metadata.jsonl, or give format';
	throw new VecinoError('unsupported', `${path}: its extension names no format; ${advice}`);
}

function sniffText(
	text: string,
	name: string,
	known: (format: ExchangeFormat) => Sniffed,
	none: (what: string) => Sniffed,
): Sniffed {
	const body = text.trimStart();
	if (body === '') return none('nothing but white space');
	if (body[0] === '<') return none('an HTML or XML page, perhaps a download that failed');
	if (body[0] === '[') return known('json');
	if (body[0] !== '{')
		return none('text (CSV?); save it as JSON lines: df.to_json(file, orient="records", lines=True)');
	if (/\.(jsonl|ndjson)$/i.test(name)) return known('jsonl');
	const [first, ...others] = body.split('\n');
	const wholeLine = others.length > 0 && isJson(first!);
	if (wholeLine && others.some((line) => line.trim() !== '')) return known('jsonl');
	if (DOCUMENT_KEY.test(body) || /\.json$/i.test(name)) return known('json');
	// One line of an entry, or a document printed over many lines.
	return known(others.length > 0 && !wholeLine ? 'json' : 'jsonl');
}

function isJson(text: string): boolean {
	try {
		JSON.parse(text);
		return true;
	} catch {
		return false;
	}
}

/** FAISS files begin with four letters, and d as an int32 in most. */
function isFaiss(head: Uint8Array): boolean {
	if (head.length < 8 || !/^(I[xwBHNvc]|Im)[A-Za-z0-9+]{2}$/.test(String.fromCharCode(...head.subarray(0, 4))))
		return false;
	return head[7] === 0 && (head[4] !== 0 || head[5] !== 0 || head[6] !== 0);
}

/** UTF-8 text without control characters, without its byte order mark; undefined for anything else. */
function decode(head: Uint8Array): string | undefined {
	if (head.some((byte) => byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13)) return undefined;
	try {
		// stream: the last character may be cut off.
		return new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
	} catch {
		return undefined;
	}
}
