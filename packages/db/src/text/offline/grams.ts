/**
 * Words as hashed runs of 3 to 5 characters, their ends marked ("_word_": _wo, wor, ..., word_), as in fastText
 * (Bojanowski et al., 2017): a word with one wrong letter still shares most of them. In scripts without spaces, where a
 * character says more, runs of 1 to 3.
 */
import { isSpaceless } from './words.ts';

/** Mark at both ends of a word; no letter. */
const EDGE = 95;

/** 32-bit hashes of a word's runs of characters. */
export function gramsOf(word: string): Uint32Array {
	if (isSpaceless(word)) {
		return hashRuns(
			Array.from(word, (character) => character.codePointAt(0)!),
			1,
			3,
		);
	}
	const codes: number[] = [EDGE];
	for (let i = 0; i < word.length; i++) codes.push(word.charCodeAt(i));
	codes.push(EDGE);
	return hashRuns(codes, 3, 5);
}

/** Hashes of all runs of `min`..`max` codes. */
function hashRuns(codes: readonly number[], min: number, max: number): Uint32Array {
	const out: number[] = [];
	for (let start = 0; start < codes.length; start++) {
		let h = 0x811c9dc5;
		const end = Math.min(codes.length, start + max);
		for (let at = start; at < end; at++) {
			h = Math.imul(h ^ codes[at]!, 0x01000193);
			h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
			if (at - start + 1 >= min) out.push(mix(h ^ (at - start + 1)));
		}
	}
	return Uint32Array.from(out);
}

/** Every bit of the result depends on every bit of h (the finaliser of MurmurHash3). */
function mix(h: number): number {
	let x = h;
	x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
	x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
	return (x ^ (x >>> 16)) >>> 0;
}
