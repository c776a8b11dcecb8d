/**
 * The characters and words of a factory string, for parse.ts: where one is, what stands there, and what is wrong with it.
 */

import { badSpec, insteadOf, nearestWord, type Place } from './words.ts';

/** A word being read from left to right. `at`: where it begins in the text. */
export interface Word {
	readonly text: string;
	readonly at: number;
	/** Characters read. */
	done: number;
}

export class SpecCursor {
	readonly where: string;
	readonly text: string;
	at = 0;

	constructor(where: string, text: string) {
		this.where = where;
		this.text = text;
	}

	skip(): void {
		while (/\s/.test(this.text[this.at] ?? '')) this.at++;
	}

	/** What a sticky pattern matches behind spaces, and moves past it. */
	takes(pattern: RegExp): string | undefined {
		this.skip();
		pattern.lastIndex = this.at;
		const found = pattern.exec(this.text)?.[0];
		this.at += found?.length ?? 0;
		return found;
	}

	peek(): string {
		this.skip();
		return /^[^\s,()]*/.exec(this.text.slice(this.at))![0];
	}

	word(): Word {
		const text = this.peek();
		const word = { text, at: this.at, done: 0 };
		this.at += text.length;
		return word;
	}

	/** The text before a word, without the comma between them. */
	before(word: Word): string {
		return this.text
			.slice(0, word.at)
			.replace(/[\s,]+$/, '')
			.trimStart();
	}

	eat(word: Word, part: string): boolean {
		if (!word.text.startsWith(part, word.done)) return false;
		word.done += part.length;
		return true;
	}

	number(word: Word, min: number, max: number, what: string, nearest: string): number {
		const digits = /^\d+/.exec(word.text.slice(word.done))?.[0];
		const behind = word.text.slice(0, word.done);
		if (digits === undefined) {
			const last = Math.max(0, word.done - 1);
			const rest = word.text.slice(word.done) || word.text.slice(last);
			const at = word.at + (word.done < word.text.length ? word.done : last);
			const after = behind === '' ? '' : ` after ${JSON.stringify(/[A-Za-z]+$|_$/.exec(behind)?.[0] ?? behind)}`;
			throw this.wrong(at, rest, `expected ${what} ${min}..${max}${after}`, nearest);
		}
		const value = Number(digits);
		if (value < min || value > max) {
			const fixed = `${behind}${Math.min(Math.max(value, min), max)}`;
			throw this.wrong(word.at + word.done, digits, `expected ${what} ${min}..${max}, got ${digits}`, fixed);
		}
		word.done += digits.length;
		return value;
	}

	/** The word must end here. */
	finish(word: Word, expected: string, nearest: string): void {
		if (word.done === word.text.length) return;
		throw this.wrong(word.at + word.done, word.text.slice(word.done), `expected ${expected}`, nearest);
	}

	expectComma(what: string, nearest?: string): void {
		const at = this.at;
		if (this.takes(/,/y) !== undefined) return;
		this.at = at;
		throw this.wrong(this.at, this.text.slice(this.at), `expected a comma and ${what}`, nearest);
	}

	close(opened: string): void {
		if (this.takes(/\)/y) !== undefined) return;
		const found = this.text.slice(this.at);
		throw this.wrong(this.at, found, `expected ")" for "${opened}"`, `${this.text.slice(0, this.at).trim()})`);
	}

	/** A word that does not belong where it stands. */
	unexpected(word: Word, place: Place, expected: string): Error {
		const elsewhere = insteadOf(word.text);
		if (elsewhere !== undefined) {
			return this.wrong(word.at, word.text, `"${word.text}" is in FAISS and not in vecino`, elsewhere);
		}
		const nearest = nearestWord(word.text, place);
		const cased = word.text.toLowerCase() === nearest.toLowerCase();
		const hint = cased && word.text !== nearest ? ' (upper and lower case matter)' : '';
		return this.wrong(word.at, word.text, `expected ${expected}${hint}`, nearest);
	}

	wrong(position: number, found: string, problem: string, nearest?: string): Error {
		return badSpec(this.where, this.text, {
			...{ position, found, problem },
			...(nearest !== undefined && { nearest }),
		});
	}
}
