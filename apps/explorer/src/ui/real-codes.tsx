/** A vector of the data, painted by numbers with codebooks trained on the data. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { Random } from '../compute/random.ts';
import { mSteps, NBITS_STEPS, nearestStep } from '../compute/settings.ts';
import { drawImage, drawPalettes, drawReconstruction, drawTable } from '../draw/codes.ts';
import { prepareCanvas, readTheme, type Theme } from '../draw/theme.ts';
import type { CodesView } from '../protocol.ts';
import { count, percent, plural, short } from './format.ts';
import { Slider } from './slider.tsx';
import type { Explorer } from './use-explorer.ts';
import { useDark, useWidth } from './use-size.ts';

export function RealCodes({ explorer }: { readonly explorer: Explorer }) {
	const { client, data, set, openSet, report } = explorer;
	const steps = mSteps(data?.d ?? 1);
	const [m, setM] = useState(8);
	const [nbits, setNbits] = useState(4);
	const [rows, setRows] = useState({ row: 0, queryRow: 1 });
	const [view, setView] = useState<CodesView>();
	const draws = useRef(new Random(11));
	const used = nearestStep(steps, m);
	const ask = useMemo(() => client.latest('codes', setView, report), [client, report]);
	const draw = (): number => draws.current.below(data?.n ?? 1);

	useEffect(() => {
		setView(undefined);
		setRows({ row: 0, queryRow: 1 });
	}, [data]);
	useEffect(() => {
		if (data !== undefined) ask({ m: used, nbits: Math.min(nbits, mostBits(data.n)), ...rows });
	}, [ask, data, used, nbits, rows]);

	if (data === undefined) return null;
	return (
		<section aria-label="A vector of the data">
			<h2>A vector of the data</h2>
			{data.d < 8 && (
				<p class="note">
					There is little to cut in {plural(data.d, 'number')}.{' '}
					<button type="button" onClick={() => openSet('digits')}>
						Look at digits
					</button>{' '}
					to see more.
				</p>
			)}
			<div class="panel flow">
				<Slider name="m" steps={steps} value={used} about="sub-vectors" onChange={setM} />
				<Slider
					name="nbits"
					steps={NBITS_STEPS.filter((bits) => bits <= mostBits(data.n))}
					value={nbits}
					about={`bits per sub-code, so ${2 ** nbits} centroids in each codebook`}
					onChange={setNbits}
				/>
				<button type="button" onClick={() => setRows({ ...rows, row: draw() })}>
					Another vector
				</button>
				<button type="button" onClick={() => setRows({ ...rows, queryRow: draw() })}>
					Another query
				</button>
			</div>
			{view !== undefined && (
				<Pictures view={view} row={rows.row} queryRow={rows.queryRow} isImage={set === 'digits'} />
			)}
		</section>
	);
}

/** A codebook of 2**nbits centroids needs as many vectors. */
function mostBits(n: number): number {
	return Math.max(4, Math.min(8, Math.floor(Math.log2(n))));
}

interface PicturesProps {
	readonly view: CodesView;
	readonly row: number;
	readonly queryRow: number;
	/** The numbers are pixels of a square. */
	readonly isImage: boolean;
}

function Pictures({ view, row, queryRow, isImage }: PicturesProps) {
	const { d, m, ksub, codeSize, vector, errors, ids, adc, exact } = view;
	const square = vector.reduce((sum, value) => sum + value * value, 0);
	const error = errors.reduce((a, b) => a + b, 0);
	return (
		<>
			<p class="result" role="status" aria-live="polite">
				Vector {row}: {plural(d, 'number')}, {count(4 * d)} bytes, became {plural(m, 'id')}, {plural(codeSize, 'byte')}.
				Squared error {short(error)}, {percent(error / Math.max(square, 1e-30))} of its squared length.
			</p>
			<h3>The vector and what its code stands for</h3>
			{isImage && <Images view={view} />}
			<Picture
				height={190}
				label={`Line of the ${d} numbers of the vector, with the reconstruction over it`}
				draw={(context, width, height, theme) => drawReconstruction(context, width, height, view, theme)}
			/>
			<p class="note">
				Grey: the vector. Coloured line: the reconstruction. Bands: the sub-vectors, with their ids below where there is
				room.
			</p>
			<h3>The palettes</h3>
			<Picture
				height={Math.min(420, Math.max(160, ksub * 10))}
				label={`Codebooks of the ${m} parts, ${ksub} centroids each, with the one used framed`}
				draw={(context, width, height, theme) => drawPalettes(context, width, height, view, theme)}
			/>
			<p class="note">
				One column for each part, one strip for each of its {ksub} centroids, in the order of their ids. The framed one
				is the nearest to the sub-vector.
			</p>
			<h3>The table of a query</h3>
			<Picture
				height={Math.min(420, Math.max(90, m * 18))}
				label={`Table of the query with ${m} rows and ${ksub} columns, one cell framed in each row`}
				draw={(context, width, height, theme) => drawTable(context, width, height, view, theme)}
			/>
			<p>
				One row for each part, one column for each id; stronger means farther. The code picks one cell in each row, and
				their sum is the distance of vector {row} to the query, vector {queryRow}: <b>{short(adc)}</b>. Exact:{' '}
				<b>{short(exact)}</b>
				{exact > 0 && <>, so the code is off by {percent(Math.abs(adc - exact) / exact)}</>}.
			</p>
			<details>
				<summary>The same as a table</summary>
				<div class="scroll">
					<table>
						<thead>
							<tr>
								<th scope="col">part</th>
								<th scope="col">id</th>
								<th scope="col">squared error</th>
								<th scope="col">in the query's table</th>
							</tr>
						</thead>
						<tbody>
							{Array.from(ids, (id, j) => (
								<tr key={j}>
									<th scope="row">{j}</th>
									<td>{id}</td>
									<td>{short(errors[j]!)}</td>
									<td>{short(view.table[j * ksub + id]!)}</td>
								</tr>
							))}
						</tbody>
						<tfoot>
							<tr>
								<th scope="row">sum</th>
								<td />
								<td>{short(error)}</td>
								<td>{short(adc)}</td>
							</tr>
						</tfoot>
					</table>
				</div>
			</details>
		</>
	);
}

/** The vector and its reconstruction as images: painted by numbers. */
function Images({ view }: { readonly view: CodesView }) {
	const high = view.vector.reduce((a, b) => Math.max(a, b), 1);
	const images = [
		['the vector', view.vector],
		['painted by numbers', view.reconstruction],
	] as const;
	return (
		<div class="image">
			{images.map(([name, values]) => (
				<figure key={name}>
					<Picture
						height={150}
						width={150}
						label={`Image of ${name}`}
						draw={(context, width, _, theme) => drawImage(context, width, values, view, high, theme)}
					/>
					<figcaption>{name}</figcaption>
				</figure>
			))}
		</div>
	);
}

interface PictureProps {
	readonly height: number;
	/** Default: all there is. */
	readonly width?: number;
	readonly label: string;
	readonly draw: (context: CanvasRenderingContext2D, width: number, height: number, theme: Theme) => void;
}

function Picture({ height, width: given, label, draw }: PictureProps) {
	const frame = useRef<HTMLDivElement>(null);
	const canvas = useRef<HTMLCanvasElement>(null);
	const measured = useWidth(frame);
	const width = given ?? measured;
	const dark = useDark();
	useEffect(() => {
		if (width > 0 && canvas.current !== null) {
			draw(prepareCanvas(canvas.current, width, height), width, height, readTheme());
		}
	}, [draw, width, height, dark]);
	return (
		<div ref={frame} class="picture" style={{ height: `${height}px`, ...(given && { width: `${given}px` }) }}>
			<canvas ref={canvas} role="img" aria-label={label} style={{ width: `${width}px`, height: `${height}px` }} />
		</div>
	);
}
