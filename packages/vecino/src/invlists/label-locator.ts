/**
 * Where each label is among inverted lists: 8 bytes for each, in pages of 1024 labels. A page whose labels are all gone
 * is given back, so that labels that only ever grow (the oldest removed, new ones added) do not hold memory for the past.
 */

const PAGE = 1024;
const NONE = 0xffffffff;
/** What a page takes beside its places, about. */
const OVERHEAD = 128;

interface Page {
	/** List and position of each label, size 2 * PAGE, layout (PAGE, 2); list NONE: not there. */
	readonly places: Uint32Array;
	live: number;
}

export class LabelLocator {
	readonly #pages = new Map<number, Page>();

	get byteLength(): number {
		return this.#pages.size * (PAGE * 8 + OVERHEAD);
	}

	/** Where a label is, or undefined. */
	get(label: number): { listNo: number; position: number } | undefined {
		const page = this.#pages.get(Math.floor(label / PAGE));
		if (page === undefined) return undefined;
		const at = 2 * (label % PAGE);
		const listNo = page.places[at]!;
		return listNo === NONE ? undefined : { listNo, position: page.places[at + 1]! };
	}

	set(label: number, listNo: number, position: number): void {
		const number = Math.floor(label / PAGE);
		let page = this.#pages.get(number);
		if (page === undefined) {
			page = { places: new Uint32Array(2 * PAGE).fill(NONE), live: 0 };
			this.#pages.set(number, page);
		}
		const at = 2 * (label % PAGE);
		if (page.places[at] === NONE) page.live++;
		page.places[at] = listNo;
		page.places[at + 1] = position;
	}

	delete(label: number): void {
		const number = Math.floor(label / PAGE);
		const page = this.#pages.get(number);
		const at = 2 * (label % PAGE);
		if (page === undefined || page.places[at] === NONE) return;
		page.places[at] = NONE;
		if (--page.live === 0) this.#pages.delete(number);
	}
}
