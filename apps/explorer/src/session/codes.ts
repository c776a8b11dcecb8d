/** A product quantizer on the data, and one vector cut up by it. The quantizer is kept while its settings stay. */

import { type Engine, ProductQuantizer, squaredL2, type VectorSet } from 'vecino';
import { Random } from '../compute/random.ts';
import { type CodesRequest, type CodesView, TRAIN_OPTIONS } from '../protocol.ts';

/** Rows that the codebooks are trained on. */
const ROWS = 4000;

export class CodesLab implements Disposable {
	readonly #engine: Engine;
	readonly #x: VectorSet;
	#pq: ProductQuantizer | undefined;

	constructor(engine: Engine, x: VectorSet) {
		this.#engine = engine;
		this.#x = x;
	}

	[Symbol.dispose](): void {
		this.#pq?.[Symbol.dispose]();
	}

	view({ m, nbits, row, queryRow }: CodesRequest): CodesView {
		const pq = this.#quantizer(m, nbits);
		const { d, ksub, dsub, codeSize } = pq;
		const vector = Float32Array.from(this.#x.row(row));
		const query = Float32Array.from(this.#x.row(queryRow));
		const codes = pq.encode(vector);
		const reconstruction = pq.decode(codes).data;
		const table = pq.distanceTable(query, 'l2');
		const ids = unpackIds(codes, m, nbits);
		const errors = Float32Array.from({ length: m }, (_, j) =>
			squaredL2(vector.subarray(j * dsub, (j + 1) * dsub), reconstruction.subarray(j * dsub, (j + 1) * dsub)),
		);
		return {
			d,
			m,
			ksub,
			dsub,
			codeSize,
			vector,
			reconstruction: Float32Array.from(reconstruction),
			ids,
			errors,
			codebook: pq.codebook,
			query,
			table,
			adc: pq.adc(table, codes)[0]!,
			exact: squaredL2(query, vector),
		};
	}

	#quantizer(m: number, nbits: number): ProductQuantizer {
		if (this.#pq?.m === m && this.#pq.nbits === nbits) return this.#pq;
		this.#pq?.[Symbol.dispose]();
		this.#pq = undefined;
		const pq = new ProductQuantizer({ d: this.#x.d, m, nbits, pad: true, engine: this.#engine });
		pq.train(this.#x.take(new Random(5).sample(this.#x.n, ROWS)), TRAIN_OPTIONS);
		this.#pq = pq;
		return pq;
	}
}

/** The ids of one code, size m: fields of nbits, the first in the lowest bits. */
export function unpackIds(code: Uint8Array, m: number, nbits: number): Uint16Array<ArrayBuffer> {
	return Uint16Array.from({ length: m }, (_, j) => {
		let id = 0;
		for (let bit = 0; bit < nbits; bit++) {
			const at = j * nbits + bit;
			id |= ((code[at >> 3]! >> (at & 7)) & 1) << bit;
		}
		return id;
	});
}
