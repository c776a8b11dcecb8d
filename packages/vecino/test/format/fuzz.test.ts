/** Random lies, with right checksums: refused as corrupt-data, or harmless. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectIndex } from '../../src/io/read-index.ts';
import { bytesSource } from '../../src/io/source.ts';
import { putTogether } from './craft.ts';
import { ALL, errorOf } from './crafted-files.ts';

describe('random lies', () => {
	const files = ALL.map((make) => make());
	const numbers = fc.oneof(
		fc.constantFrom(0, -1, 1, 2, 3, 4, 5, 8, 12, 16, 65536, 2 ** 24, 2 ** 31, 2 ** 32 - 1, 2 ** 53, 0.5, 1e300),
		fc.integer(),
		fc.double(),
	);
	const values = fc.oneof({ weight: 3, arbitrary: numbers }, { weight: 1, arbitrary: fc.jsonValue() });

	/** All [object, key] of a tree; arrays are left alone. */
	function* slots(node: unknown): Generator<[object: Record<string, unknown>, key: string]> {
		if (typeof node !== 'object' || node === null || Array.isArray(node)) return;
		for (const key of Object.keys(node)) {
			yield [node as Record<string, unknown>, key];
			yield* slots((node as Record<string, unknown>)[key]);
		}
	}

	it('in the JSON header are refused, or harmless', () => {
		const change = fc.record({ at: fc.nat(), value: values, kind: fc.constantFrom('set', 'delete', 'add') });
		fc.assert(
			fc.property(
				fc.nat(files.length - 1),
				fc.array(change, { minLength: 1, maxLength: 3 }),
				fc.string(),
				(which, changes, key) => {
					const json = structuredClone(files[which]!.json);
					for (const { at, value, kind } of changes) {
						const all = [...slots(json)];
						const [object, name] = all[at % all.length]!;
						if (kind === 'delete') delete object[name];
						else object[kind === 'set' ? name : key] = value;
					}
					const error = errorOf({ json, sections: files[which]!.sections });
					expect([undefined, 'corrupt-data']).toContain(error?.code);
				},
			),
			{ numRuns: 1500 },
		);
	});

	it('in sections and their lengths are refused, or harmless', () => {
		const change = fc.record({
			section: fc.nat(),
			at: fc.nat(),
			bytes: fc.uint8Array({ maxLength: 9 }),
			length: fc.integer({ min: -9, max: 9 }),
		});
		fc.assert(
			fc.property(fc.nat(files.length - 1), fc.array(change, { minLength: 1, maxLength: 3 }), (which, changes) => {
				const { json, sections } = structuredClone(files[which]!);
				for (const { section, at, bytes, length } of changes) {
					const old = sections[section % sections.length]!;
					const longer = new Uint8Array(Math.max(0, old.length + (bytes.length < 5 ? 0 : length)));
					longer.set(old.subarray(0, longer.length));
					if (bytes.length <= longer.length) longer.set(bytes, at % (longer.length - bytes.length + 1));
					sections[section % sections.length] = longer;
				}
				const error = errorOf({ json, sections });
				expect([undefined, 'corrupt-data']).toContain(error?.code);
			}),
			{ numRuns: 1500 },
		);
	});

	it('in header and section table are refused, or harmless', () => {
		const change = fc.record({ at: fc.nat(), bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }) });
		fc.assert(
			fc.property(fc.nat(files.length - 1), fc.array(change, { minLength: 1, maxLength: 3 }), (which, changes) => {
				const error = errorOf(files[which]!, {
					header: (header) => {
						for (const { at, bytes } of changes) header.set(bytes, 8 + (at % (header.length - 8 - bytes.length)));
					},
				});
				expect([undefined, 'corrupt-data', 'unsupported-version']).toContain(error?.code);
			}),
			{ numRuns: 1500 },
		);
	});

	it('inspectIndex refuses what readIndex refuses in headers', async () => {
		await fc.assert(
			fc.asyncProperty(fc.nat(files.length - 1), fc.nat(), values, async (which, at, value) => {
				const json = structuredClone(files[which]!.json);
				const all = [...slots(json)];
				const [object, name] = all[at % all.length]!;
				object[name] = value;
				const file = putTogether({ json, sections: files[which]!.sections });
				const outcome = await inspectIndex(bytesSource(file)).catch((error) => error.code);
				if (typeof outcome === 'string') expect(outcome).toBe('corrupt-data');
				else expect(errorOf({ json, sections: files[which]!.sections })?.message ?? '').not.toMatch(/must|known/);
			}),
			{ numRuns: 300 },
		);
	});
});
