/** Codes: product quantization as painting by numbers, first of 12 numbers by hand, then of a vector of the data. */

import { RealCodes } from './real-codes.tsx';
import { Toy } from './toy.tsx';
import type { Explorer } from './use-explorer.ts';

export function CodesTab({ explorer }: { readonly explorer: Explorer }) {
	return (
		<>
			<p class="lead">
				A product quantizer paints a vector by numbers: it cuts it into m sub-vectors and keeps of each only the number
				of the nearest centroid in a codebook. A query is compared with codes by adding up numbers from a table.
			</p>
			<Toy />
			<RealCodes explorer={explorer} />
		</>
	);
}
