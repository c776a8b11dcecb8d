/** RaBitQ files whose contents lie, with right checksums. */
import { describe, expect, it } from 'vitest';
import { crc32c } from '../../src/util/crc32c.ts';
import type { Parts } from './craft.ts';
import { errorOf, expectCorrupt, ivfRabitq4, rabitq } from './crafted-files.ts';

// 11 vectors of d = 4, so D = 16. Block of 3 bits: 64 bytes of signs, 128 of records, rows of 12.
const SLOTS = 64;
const ROWS = SLOTS + 128;

it.each<[message: string, section: number, at: number, bytes: number[]]>([
	['section 0 (centre): value 1 is NaN or infinite', 0, 4, [0, 0, 0xc0, 0x7f]],
	['section 1 (codes): a factor is not finite', 1, SLOTS, [0x80, 0xff]],
	['section 1 (codes): a factor is not finite', 1, SLOTS + 2, [0xc0, 0x7f]],
	['section 1 (codes): a factor is not finite', 1, ROWS, [0, 0, 0x80, 0x7f]],
	['section 1 (codes): a factor is not finite', 1, ROWS + 10 * 12 + 4, [0, 0, 0x80, 0xff]],
	['section 1 (codes): codes behind the last one are not zero', 1, 11, [1]],
	['section 1 (codes): codes behind the last one are not zero', 1, 12, [0x80]],
	// The record of code 11 is the 13th (odd codes come after even ones), that of code 31 the last.
	['section 1 (codes): codes behind the last one are not zero', 1, SLOTS + 13 * 4, [1]],
	['section 1 (codes): codes behind the last one are not zero', 1, SLOTS + 31 * 4 + 3, [1]],
	['section 1 (codes): codes behind the last one are not zero', 1, ROWS + 11 * 12, [1]],
	['section 1 (codes): codes behind the last one are not zero', 1, ROWS + 32 * 12 - 1, [1]],
])('%s, byte %d of %d', (message, section, at, bytes) => {
	const parts = rabitq();
	parts.sections[section]!.set(bytes, at);
	expectCorrupt(parts, message);
});

describe('lists', () => {
	/** Changes the first list that is not empty: 64 bytes of signs, 128 of records, rows of 14, labels. */
	function craft(change: (list: Uint8Array, n: number) => void): Parts {
		const parts = ivfRabitq4();
		const [, directory, lists] = parts.sections;
		const words = new Uint32Array(directory!.buffer);
		const listNo = words[0] === 0 ? 1 : 0;
		const n = words[2 * listNo]!;
		const list = lists!.subarray(0, 192 + 32 * 14 + 4 * n);
		change(list, n);
		words[2 * listNo + 1] = crc32c(list);
		return parts;
	}

	it('as they are, are read', () => {
		expect(errorOf(craft(() => undefined))).toBeUndefined();
	});

	it('may not hold factors that are not finite', () => {
		expectCorrupt(
			craft((list) => list.set([0x80, 0x7f], 64)),
			/section 2 \(lists\): list \d: a factor is not finite/,
		);
		expectCorrupt(
			craft((list, n) => list.set([0xc0, 0xff], 192 + (n - 1) * 14 + 2)),
			/list \d: a factor is not finite/,
		);
	});

	it('may not hold anything behind the last code', () => {
		for (const change of [
			(list: Uint8Array) => list.set([0x80], 15),
			(list: Uint8Array) => list.set([1], 64 + 127),
			(list: Uint8Array, n: number) => list.set([1], 192 + n * 14),
			(list: Uint8Array) => list.set([1], 192 + 32 * 14 - 1),
		]) {
			expectCorrupt(craft(change), /list \d: codes or terms behind its last one are not zero/);
		}
	});
});

it.each<[message: string, key: string, value: unknown]>([
	['nbits must be', 'nbits', 0],
	['nbits must be', 'nbits', 9],
	['seed must be', 'seed', -1],
	['seed must be', 'seed', 2 ** 32],
	['must have', 'nbits', 2],
	['m is not known', 'm', 2],
])('the header: %s (%s = %j)', (message, key, value) => {
	for (const { json, sections } of [rabitq(), ivfRabitq4()]) {
		expectCorrupt({ json: { ...json, [key]: value }, sections }, message);
	}
});
