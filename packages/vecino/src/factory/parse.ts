/**
 * Reads factory strings (spec.ts), one function for each level of the grammar:
 *
 *   spec      = [ "IDMap" ["2"] "," ] refined [ "," "IDMap" ["2"] ]  |  [ "IDMap," ] "Auto" [ "(" bytes ")" ]
 *   refined   = body [ "," ( "RFlat" | "Refine(" store ")" ) ]
 *   body      = { transform "," } ( core | "(" refined ")" )
 *   core      = code  |  "HNSW" [M] [ ("," | "_") store ]  |  "IVF" [nlist] [ "_HNSW" [M] | "(" coarse ")" ] "," code
 *
 * Spaces may stand between words. Errors say where, what was expected, and the nearest valid word.
 */

import { MAX_D } from '../core/vectors.ts';
import { MAX_HNSW_M } from '../indexes/hnsw.ts';
import { MAX_TRANSFORMS } from '../indexes/pre-transform.ts';
import { MAX_FAST_M } from '../quantizers/fast-scan.ts';
import { MAX_RABITQ_BITS } from '../quantizers/rabitq.ts';
import { show } from '../util/check.ts';
import { SpecCursor, type Word } from './cursor.ts';
import {
	type CodecSpec,
	DEFAULT_NBITS,
	FLAT,
	frozen,
	type HNSWSpec,
	type IndexSpec,
	type IVFSpec,
	MAX_NLIST,
	type RefineSpec,
	SCALAR_OF,
	type TransformSpec,
} from './spec.ts';
import { badSpec, insteadOf, nearestWord, type Place } from './words.ts';

/** Longer strings than any index needs are refused, so that what is read stays small. */
const MAX_LENGTH = 1000;
const MAX_DEPTH = 16;
const DEFAULT_M = 32;

/**
 * Reads a factory string.
 *
 * @param text - Such as `Flat`, `IVF4096,PQ16`, `OPQ16_64,IVF65536_HNSW32,PQ16x4fsr,Refine(SQ8)`.
 * @throws {VecinoError} `bad-spec` with the `position` and the `nearest` valid words.
 *
 * @example
 * const spec = parseSpec('IVF1024,PQ16x4fsr,RFlat');
 * console.log(spec.kind); // refine
 */
export function parseSpec(text: string): IndexSpec {
	return readSpec('parseSpec', text);
}

/** The same for another public function, which errors then name. @internal */
export function readSpec(where: string, text: string): IndexSpec {
	if (typeof text !== 'string') throw new TypeError(`${where}: a factory string must be a string, got ${show(text)}`);
	if (text.length > MAX_LENGTH) {
		throw badSpec(where, text, { position: MAX_LENGTH, found: '', problem: `more than ${MAX_LENGTH} characters` });
	}
	return frozen(new Reader(where, text).spec());
}

class Reader extends SpecCursor {
	#depth = 0;

	spec(): IndexSpec {
		const isMap = this.takes(/IDMap2?(?=\s*,)/y) !== undefined;
		if (isMap) this.expectComma('an index behind "IDMap,"');
		const isAuto = this.peek() === 'Auto';
		let spec: IndexSpec = isAuto ? this.#auto() : this.#refined();
		const end = this.at;
		const suffix = this.takes(/,/y) !== undefined;
		if (suffix) {
			const word = this.word();
			if (isAuto && !/^IDMap2?$/.test(word.text)) {
				throw this.wrong(word.at, word.text, '"Auto" chooses all but "IDMap" itself', 'Auto');
			}
			if (!/^IDMap2?$/.test(word.text))
				throw this.unexpected(word, 'end', '"RFlat", "Refine(...)", "IDMap" or the end');
			if (isMap) throw this.wrong(word.at, word.text, 'ids can be mapped once only', this.before(word));
		}
		this.skip();
		if (this.at < this.text.length) {
			const found = this.text.slice(this.at);
			throw this.wrong(this.at, found, 'expected "," or the end', this.text.slice(0, suffix ? this.at : end).trim());
		}
		if (isMap || suffix) spec = { kind: 'idmap', index: spec };
		return spec;
	}

	#auto(): IndexSpec {
		this.word();
		if (this.takes(/\(/y) === undefined) return { kind: 'auto' };
		const word = this.word();
		const bytesPerVector = this.number(word, 1, 2 ** 20, 'bytes per vector', 'Auto(32)');
		this.finish(word, 'bytes per vector, a whole number', 'Auto(32)');
		this.close('Auto(');
		return { kind: 'auto', bytesPerVector };
	}

	#refined(): IndexSpec {
		const base = this.#body();
		const at = this.at;
		if (this.takes(/,(?=\s*R)/y) === undefined) return base;
		const word = this.word();
		if (word.text === 'Refine' && this.takes(/\(/y) !== undefined) {
			const store = this.#store();
			this.close('Refine(');
			return this.#once({ kind: 'refine', base, store }, word);
		}
		if (word.text === 'RFlat') return this.#once({ kind: 'refine', base, store: FLAT }, word);
		if (word.text === 'Refine') {
			throw this.wrong(word.at, word.text, 'expected a store in parentheses behind "Refine"', 'Refine(SQ8)');
		}
		this.at = at;
		return base;
	}

	/** A refined index is not refined again. */
	#once(spec: RefineSpec, word: Word): RefineSpec {
		if (spec.base.kind === 'refine')
			throw this.wrong(word.at, word.text, 'the index is refined already', this.before(word));
		if (this.takes(/,(?=\s*(RFlat|Refine)\b)/y) === undefined) return spec;
		const next = this.word();
		throw this.wrong(next.at, next.text, 'the index is refined already; it takes one store', this.before(next));
	}

	#body(): IndexSpec {
		const transforms: TransformSpec[] = [];
		for (let next = this.#transform(); next !== undefined; next = this.#transform()) {
			transforms.push(next);
			if (transforms.length > MAX_TRANSFORMS) {
				throw this.wrong(this.at, '', `at most ${MAX_TRANSFORMS} transforms can stand ahead of an index`);
			}
			this.expectComma('an index behind the transform', 'Flat');
		}
		const index = this.takes(/\(/y) === undefined ? this.#core() : this.#group();
		if (transforms.length === 0) return index;
		if (index.kind !== 'pretransform') return { kind: 'pretransform', transforms, index };
		return { ...index, transforms: [...transforms, ...index.transforms] };
	}

	#group(): IndexSpec {
		if (++this.#depth > MAX_DEPTH) throw this.wrong(this.at - 1, '(', `parentheses are more than ${MAX_DEPTH} deep`);
		const inner = this.#refined();
		this.close('(');
		this.#depth--;
		return inner;
	}

	#transform(): TransformSpec | undefined {
		const [, head] = /^(PCA|OPQ|RR|L2[nN]orm|Linear)/.exec(this.peek()) ?? [];
		if (head === undefined) return undefined;
		const word = this.word();
		word.done = head.length;
		let spec: TransformSpec = { kind: 'l2norm' };
		if (head === 'PCA') {
			const whiten = this.eat(word, 'W');
			const rotate = this.eat(word, 'R');
			spec = { kind: 'pca', whiten, rotate, dOut: this.#dimensions(word, `${word.text.slice(0, word.done)}64`) };
		} else if (head === 'OPQ') {
			const m = this.number(word, 1, MAX_D, 'sub-vectors', 'OPQ16');
			const dOut = this.eat(word, '_') ? this.#dimensions(word, `OPQ${m}_${4 * m}`) : 'auto';
			spec = { kind: 'opq', m, dOut };
		} else if (head === 'RR') {
			spec = { kind: 'rr', dOut: word.done < word.text.length ? this.#dimensions(word, 'RR64') : 'auto' };
		} else if (head === 'Linear') {
			spec = { kind: 'linear', dOut: this.#dimensions(word, 'Linear64') };
		}
		this.finish(word, `nothing more in "${word.text.slice(0, word.done)}"`, word.text.slice(0, word.done));
		return spec;
	}

	#dimensions(word: Word, nearest: string): number {
		return this.number(word, 1, MAX_D, 'dimensions', nearest);
	}

	#core(): IndexSpec {
		const start = this.peek();
		if (/^IVF(?![A-Za-z])/.test(start)) return this.#cells();
		if (/^HNSW(?![A-Za-z])/.test(start)) return this.#graph();
		const word = this.word();
		if (/^(RFlat|Refine)$/.test(word.text)) {
			throw this.wrong(
				word.at,
				word.text,
				`"${word.text}" stands behind an index`,
				`PQ16,${word.text === 'RFlat' ? 'RFlat' : 'Refine(SQ8)'}`,
			);
		}
		if (/^IDMap2?$/.test(word.text) && word.at + word.text.length === this.text.trimEnd().length) {
			throw this.wrong(word.at, word.text, `expected an index behind "${word.text}"`, `${word.text},Flat`);
		}
		if (/^(Auto|IDMap2?)$/.test(word.text)) {
			throw this.wrong(
				word.at,
				word.text,
				`"${word.text}" can only stand at the very front`,
				word.text === 'Auto' ? 'Auto' : `${word.text},Flat`,
			);
		}
		return this.#code(word, 'start', 'an index such as "Flat", "IVF1024,PQ16" or "HNSW32"').codec;
	}

	#cells(): IVFSpec {
		const word = this.word();
		word.done = 3;
		let nlist: number | 'auto' = 'auto';
		const from = word.done;
		if (/\d/.test(word.text[from] ?? '')) {
			nlist = this.number(word, 1, MAX_NLIST, 'cells', 'IVF1024');
			if (this.eat(word, 'k')) nlist *= 1024;
			else if (this.eat(word, 'M')) nlist *= 2 ** 20;
			if (nlist > MAX_NLIST) {
				throw this.wrong(word.at + from, word.text.slice(from, word.done), `expected 1..${MAX_NLIST} cells`, 'IVF16M');
			}
		}
		let coarse: IVFSpec['coarse'] = FLAT;
		if (this.eat(word, '_HNSW')) coarse = { kind: 'hnsw', M: this.#links(word) };
		const here = word.text.slice(0, word.done);
		this.finish(word, `"_HNSW32" or a comma and codes behind "${here}"`, nearestWord(word.text, 'cells'));
		if (coarse.kind === 'flat' && this.takes(/\(/y) !== undefined) coarse = this.#coarse();
		this.expectComma(`codes behind "${here}"`, `${here},PQ16`);
		const next = this.word();
		if (next.text.startsWith('HNSW')) {
			throw this.wrong(
				next.at,
				next.text,
				'expected codes for the cells; a graph over cells stands before the comma',
				`${here}_${next.text},Flat`,
			);
		}
		const { codec, byResidual } = this.#code(next, 'code', 'codes for the cells');
		return { kind: 'ivf', nlist, coarse, codec, byResidual };
	}

	/** FAISS's `IVF1024(HNSW32)`. */
	#coarse(): IVFSpec['coarse'] {
		const inner = this.word();
		const match = /^(?:Flat|HNSW(\d*))$/.exec(inner.text);
		if (match === null)
			throw this.wrong(inner.at, inner.text, 'expected "Flat" or "HNSW32" to rank cells with', 'HNSW32');
		this.close('IVF...(');
		if (match[1] === undefined) return FLAT;
		return { kind: 'hnsw', M: this.#links({ ...inner, done: 4 }) };
	}

	#graph(): HNSWSpec {
		const word = this.word();
		word.done = 4;
		const M = this.#links(word);
		let store: Word | undefined;
		if (this.eat(word, '_')) store = { text: word.text.slice(word.done), at: word.at + word.done, done: 0 };
		else {
			this.finish(word, 'a comma and "Flat" or an SQ, or nothing', `HNSW${M}`);
			if (this.takes(/,(?!\s*(R|IDMap))/y) !== undefined) store = this.word();
		}
		if (store === undefined) return { kind: 'hnsw', M, codec: FLAT };
		const { codec } = this.#code(store, 'graph', '"Flat" or an SQ such as "SQ8" for the vectors of the graph');
		if (codec.kind === 'flat' || codec.kind === 'sq') return { kind: 'hnsw', M, codec };
		const problem = `vecino links vectors held as "Flat" or SQ, not as "${store.text}"`;
		throw this.wrong(store.at, store.text, problem, `HNSW${M},SQ8`);
	}

	#links(word: Word): number {
		if (!/\d/.test(word.text[word.done] ?? '')) return DEFAULT_M;
		return this.number(word, 2, MAX_HNSW_M, 'links', `${word.text.slice(0, word.done)}32`);
	}

	#store(): RefineSpec['store'] {
		if (this.takes(/\(/y) !== undefined) {
			if (++this.#depth > MAX_DEPTH) throw this.wrong(this.at - 1, '(', `parentheses are more than ${MAX_DEPTH} deep`);
			const inner = this.#store();
			this.close('(');
			this.#depth--;
			return inner;
		}
		const word = this.word();
		const { codec } = this.#code(word, 'store', 'a store such as "Flat", "SQ8" or "PQ32"');
		if (codec.kind === 'flat' || codec.kind === 'sq' || codec.kind === 'pq') return codec;
		const nearest = codec.kind === 'pqfs' ? `PQ${codec.m}x4` : 'SQ8';
		throw this.wrong(word.at, word.text, 'a store holds one code after the other: Flat, SQ or PQ', nearest);
	}

	/** Codes alone, in cells, of a graph or of a store; those of `IVF...` with what they are of. */
	#code(word: Word, place: Place, expected: string): { codec: CodecSpec; byResidual: boolean } {
		const type = SCALAR_OF.get(word.text);
		if (word.text === 'Flat') return { codec: FLAT, byResidual: false };
		if (type !== undefined) return { codec: { kind: 'sq', type }, byResidual: false };
		const elsewhere = insteadOf(word.text);
		if (elsewhere === undefined && /^PQ\d/.test(word.text)) return this.#product(word, place);
		if (elsewhere === undefined && /^RaBitQ/.test(word.text)) {
			word.done = 'RaBitQ'.length;
			// Codes are scanned 32 at a time in any case.
			this.eat(word, 'fs');
			const digits = /\d/.test(word.text[word.done] ?? '');
			const nbits = digits ? this.number(word, 1, MAX_RABITQ_BITS, 'bits per dimension', 'RaBitQ8') : 1;
			this.eat(word, '_32');
			this.finish(word, `bits per dimension, 1..${MAX_RABITQ_BITS}, behind "RaBitQ"`, 'RaBitQ4');
			return { codec: { kind: 'rabitq', nbits }, byResidual: place === 'code' };
		}
		throw this.unexpected(word, place, expected);
	}

	#product(word: Word, place: Place): { codec: CodecSpec; byResidual: boolean } {
		const cells = place === 'code';
		word.done = 2;
		const m = this.number(word, 1, MAX_D, 'sub-vectors', 'PQ16');
		const at = word.done;
		const nbits = this.eat(word, 'x') ? this.number(word, 4, 12, 'a number of bits', `PQ${m}x8`) : DEFAULT_NBITS;
		const said = word.done > at;
		if (this.eat(word, 'fs')) {
			const residual = this.eat(word, 'r');
			this.eat(word, '_32');
			const nearest = `PQ${Math.min(m, MAX_FAST_M)}x4fs${residual && cells ? 'r' : ''}`;
			const bad = !said || nbits !== 4 ? '"fs" scans codes of 4 bits, written "x4fs"' : undefined;
			const alone =
				residual && !cells ? '"fsr" codes residuals, which need cells ("IVF1024,..."); alone it is "fs"' : undefined;
			const many = m > MAX_FAST_M ? `"fs" takes at most ${MAX_FAST_M} sub-vectors` : undefined;
			const problem = bad ?? alone ?? many;
			if (problem !== undefined) throw this.wrong(word.at, word.text, problem, nearest);
			this.finish(word, 'nothing more: blocks hold 32 codes here', nearest);
			return { codec: { kind: 'pqfs', m }, byResidual: residual };
		}
		const direct = cells && this.eat(word, 'nr');
		// Polysemous codes: vecino trains none, so "np" is what it does.
		this.eat(word, 'np');
		const canonical = word.text.slice(0, word.done);
		const rest = `${nbits === 4 && said ? '"fs", ' : ''}${said ? '' : '"x" and bits, '}a comma or the end`;
		this.finish(word, `${rest} behind "${canonical}"`, nearestWord(word.text, place));
		return { codec: { kind: 'pq', m, nbits }, byResidual: cells && !direct };
	}
}
