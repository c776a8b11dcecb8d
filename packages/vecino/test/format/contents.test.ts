/** Contents that lie, with right checksums: floats that are none, labels, lists and ids that cannot be. */
import { describe, expect, it } from 'vitest';
import { type Parts, putTogether, sectionOf, signLists, tableOf } from './craft.ts';
import {
	bf16,
	chain,
	errorOf,
	expectCorrupt,
	f16,
	flat,
	idMap,
	ivfF16,
	ivfFlat,
	ivfpq,
	pca,
	pq,
	sq8,
} from './crafted-files.ts';

const floats = (section: Uint8Array<ArrayBuffer>): Float32Array => new Float32Array(section.buffer);
const endOf = (section: { offset: number; byteLength: number }): number => section.offset + section.byteLength;
const words = (section: Uint8Array<ArrayBuffer>): Uint32Array => new Uint32Array(section.buffer);

describe('contents', () => {
	it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('floats may not be %d', (value) => {
		for (const [make, number, name] of [
			[flat, 0, 'codes'],
			[pq, 0, 'codebook'],
			[sq8, 0, 'ranges'],
			[ivfFlat, 0, 'centroids'],
			[ivfpq, 1, 'codebook'],
			[pca, 0, 'transforms[0].matrix'],
			[chain, 0, 'transforms[1].matrix'],
		] as const) {
			const parts = make();
			floats(parts.sections[number]!)[5] = value;
			expectCorrupt(parts, `section ${number} (${name}): value 5 is NaN or infinite`);
		}
	});

	it('16-bit floats may not be NaN or infinite, those of lists neither', () => {
		for (const code of [0x7c00, 0xfc00, 0x7e00, 0xfc01]) {
			const parts = f16();
			new Uint16Array(parts.sections[0]!.buffer)[5] = code;
			expectCorrupt(parts, 'section 0 (codes): value 5 is NaN or infinite');
			const lists = ivfF16();
			new Uint16Array(lists.sections[2]!.buffer)[1] = code;
			signLists(lists.sections[1]!, lists.sections[2]!, 8, false);
			expectCorrupt(lists, /section 2 \(lists\): list \d: a value is not finite/);
		}
		const parts = bf16();
		const codes = new Uint16Array(parts.sections[0]!.buffer);
		codes.fill(0x7c00);
		expect(errorOf(parts)).toBeUndefined();
		codes[7] = 0xff80;
		expectCorrupt(parts, 'section 0 (codes): value 7 is NaN or infinite');
	});

	it('steps may not be negative', () => {
		const parts = sq8();
		floats(parts.sections[0]!)[6] = -1;
		expectCorrupt(parts, 'section 0 (ranges): the step of dimension 2 is negative');
	});

	it('padding between sections must be zero', () => {
		const parts = ivfpq();
		const file = putTogether(parts);
		let gaps = 0;
		for (const number of parts.sections.keys()) {
			const { offset } = sectionOf(file, number);
			const before = number === 0 ? tableOf(file) + parts.sections.length * 24 : endOf(sectionOf(file, number - 1));
			if (offset === before) continue;
			gaps++;
			expectCorrupt(parts, new RegExp(`section ${number} .*: the padding before it is not zero`), {
				file: (bytes) => bytes.fill(1, offset - 1, offset),
			});
		}
		expect(gaps).toBeGreaterThan(1);
	});

	describe('lists', () => {
		/** An IVFPQ (code size 2, terms) whose lists were changed and, unless `sign` is false, given right checksums. */
		function craft(change: (directory: Uint32Array, lists: Uint8Array<ArrayBuffer>) => void, sign = true): Parts {
			const parts = ivfpq();
			const [, , directory, lists] = parts.sections;
			change(words(directory!), lists!);
			if (sign) signLists(directory!, lists!, 2, true);
			return parts;
		}
		/** Where the labels of the first list that holds any begin, in words. */
		function labelsAt(directory: Uint32Array): number {
			const n = directory[0]! || directory[2]! || directory[4]!;
			return Math.ceil((2 * n) / 4) + n;
		}

		it('crafts without lies', () => {
			expect(errorOf(craft(() => {}))).toBeUndefined();
		});

		it.each([11, 2 ** 32 - 1])('label %d is outside', (label) => {
			const parts = craft((directory, lists) => {
				words(lists)[labelsAt(directory)] = label;
			});
			expectCorrupt(parts, `label ${label} is outside 0..10`);
		});

		it('a label may not be there twice, in one list or in two', () => {
			const one = craft((directory, lists) => {
				words(lists)[labelsAt(directory)] = words(lists)[labelsAt(directory) + 1]!;
			});
			expectCorrupt(one, /label \d+ is there twice/);
			const two = craft((directory, lists) => {
				words(lists)[words(lists).length - 1] = words(lists)[labelsAt(directory)]!;
			});
			expectCorrupt(two, /label \d+ is there twice/);
		});

		it('terms must be finite', () => {
			const parts = craft((directory, lists) => {
				floats(lists)[labelsAt(directory) - 1] = Number.NaN;
			});
			expectCorrupt(parts, 'a term is not finite');
		});

		it('sizes must add up', () => {
			const more = craft((directory) => directory.set([directory[0]! + 1]), false);
			expectCorrupt(more, 'section 2 (directory): the lists hold 12 codes, the index 11');
			const many = craft((directory) => directory.set([11, 0, 2 ** 32 - 1, 0, 0, 0]), false);
			expectCorrupt(many, 'section 2 (directory): the lists hold 4294967306 codes, the index 11');
		});

		it('must have the checksums that the directory says', () => {
			const parts = craft((directory) => {
				for (const i of [1, 3, 5]) directory[i] = 1;
			}, false);
			expectCorrupt(parts, /section 3 \(lists\): list \d: fails its checksum/);
		});

		it('may not hide something in their padding', () => {
			const directory = words(ivfpq().sections[2]!);
			let at = 0;
			const odd = [0, 1, 2].find((listNo) => {
				const n = directory[2 * listNo]!;
				if (n % 2 === 1) return true;
				at += 2 * n + 8 * n;
				return false;
			})!;
			const n = directory[2 * odd]!;
			expectCorrupt(
				craft((_, lists) => lists.fill(1, at + 2 * n, at + 2 * n + 1)),
				`list ${odd}: the padding behind its codes`,
			);
		});

		it('of floats may not hold NaN', () => {
			const parts = ivfFlat();
			floats(parts.sections[2]!)[1] = Number.NaN;
			signLists(parts.sections[1]!, parts.sections[2]!, 16, false);
			expectCorrupt(parts, /section 2 \(lists\): list \d: a value is not finite/);
		});

		it('must fill their section', () => {
			const parts = ivfpq();
			const longer = new Uint8Array(parts.sections[3]!.length + 1);
			longer.set(parts.sections[3]!);
			expectCorrupt(
				{ json: parts.json, sections: [...parts.sections.slice(0, 3), longer] },
				/the lists take \d+ bytes, the section has/,
			);
		});

		it('must agree with the checksum of their section', () => {
			expectCorrupt(ivfpq(), 'section 3 (lists): it fails its checksum', {
				header: (header) => header.fill(1, header.length - 8, header.length - 4),
			});
		});
	});

	describe('ids', () => {
		it.each([
			[-1, 'id -1 is not an integer in 0..2^53 - 1'],
			[1.5, 'id 1.5 is not an integer'],
			[2 ** 53, 'id 9007199254740992 is not an integer'],
			[Number.NaN, 'id NaN is not an integer'],
			[Number.POSITIVE_INFINITY, 'id Infinity is not an integer'],
			[0, 'id 0 is there twice'],
			[-0, 'id 0 is there twice'],
		])('%d is refused', (id, message) => {
			const parts = idMap();
			new Float64Array(parts.sections[0]!.buffer)[3] = id;
			expectCorrupt(parts, `section 0 (ids): ${message}`);
		});

		it('that are damaged fail the checksum, whatever they look like', () => {
			expectCorrupt(idMap(), 'section 0 (ids): it fails its checksum', {
				file: (file) => file.fill(0xff, file.length - 192 - 80, file.length - 192 - 60),
			});
		});
	});
});
