/**
 * Other kinds of file, recognised by their first bytes, so that opening the wrong one says what it is and what
 * to do. Readers call this before they complain about content they cannot make sense of.
 */

import { faissKind } from './faiss/kinds.ts';

/** First bytes of files that are taken for vectors by mistake, with what they are and what to do. */
const SIGNATURES: readonly (readonly [prefix: string, what: string])[] = [
	['version https://git-lfs', 'a Git LFS pointer, not the file itself; fetch that with git lfs pull'],
	['VECINO', 'a vecino index, not vectors; open it as an index'],
	['\x1f\x8b\x08', 'compressed with gzip; decompress it first (gunzip)'],
	['\x28\xb5\x2f\xfd', 'compressed with zstd; decompress it first (zstd -d)'],
	['\xfd7zXZ\0', 'compressed with xz; decompress it first (unxz)'],
	['PK\x03\x04', "a zip archive (.npz or PyTorch); save one array of it: np.save(f, np.load('x.npz')['name'])"],
	['\x89HDF\r\n\x1a\n', "an HDF5 file; save one data set of it: np.save(f, h5py.File('x.h5')['name'][:])"],
	['PAR1', "a Parquet file; save its column of vectors: np.save(f, np.stack(table['name']))"],
	['ARROW1', "an Arrow file; save its column of vectors: np.save(f, np.stack(table['name']))"],
];

/**
 * What a file that begins with `head` (some 64 bytes) is, when it is a known kind that holds no vectors for us,
 * and what to do with it: a phrase to follow `name: `. Undefined when not recognised. No .fvecs, .bvecs or
 * .ivecs file of a sensible d begins with any of these bytes.
 */
export function describeForeignFile(head: Uint8Array): string | undefined {
	const text = String.fromCharCode(...head.subarray(0, 64));
	const signature = SIGNATURES.find(([prefix]) => text.startsWith(prefix));
	if (signature !== undefined) return signature[1];
	const faiss = faissKind(head);
	if (faiss !== undefined)
		return `a FAISS index (${text.slice(0, 4)}) of class ${faiss}, not vectors; open it as an index`;
	// Pickle protocols 2 to 5; a zero third byte would be an .fvecs row of d = 640 or so.
	const [first = 0, protocol = 0, third = 0] = head;
	if (first === 0x80 && protocol >= 2 && protocol <= 5 && third >= 0x10) {
		return 'a Python pickle; save the array in it: np.save(f, x)';
	}
	// safetensors: a uint64 length, then JSON.
	if (text.slice(4, 10) === '\0\0\0\0{"') return 'a safetensors file; save one of its tensors: np.save(f, t.numpy())';
	return head.length < 4 ? undefined : describeText(head);
}

function describeText(head: Uint8Array): string | undefined {
	const isControl = (byte: number): boolean => byte < 0x20 && byte !== 9 && byte !== 10 && byte !== 13;
	if (head.some(isControl)) return undefined;
	let text: string;
	try {
		// stream: the last character may be cut off.
		text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true }).trimStart();
	} catch {
		return undefined;
	}
	if (text.startsWith('<')) return 'an HTML or XML page, perhaps a download that failed';
	if (/^[[{]/.test(text)) return "JSON text; save its vectors as an array: np.save(f, np.array(vectors, '<f4'))";
	return "text (CSV?); save its vectors as an array: np.save(f, np.loadtxt('x.csv', '<f4', delimiter=','))";
}
