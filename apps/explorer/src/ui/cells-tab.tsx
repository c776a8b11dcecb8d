/** Cells: the map with a query to move, and what became of each of its true neighbours. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { firstPlace, placeOf } from '../compute/first-place.ts';
import { Random } from '../compute/random.ts';
import type { DataInfo, Explained, Looked, QueryPlace } from '../protocol.ts';
import { CloseUp } from './close-up.tsx';
import { count, micros, percent, plural } from './format.ts';
import { VectorMap } from './map.tsx';
import { Neighbours } from './neighbours.tsx';
import { IndexSettings, SearchSliders } from './settings.tsx';
import type { Explorer } from './use-explorer.ts';

/** Explanations are asked for when the query has rested this long. */
const REST_MS = 120;
const NOTHING = new Uint32Array(0);

export function CellsTab({ explorer }: { readonly explorer: Explorer }) {
	const { client, data, index, settings, report } = explorer;
	const [place, setPlace] = useState<QueryPlace>();
	const [looked, setLooked] = useState<Looked>();
	const [reasons, setReasons] = useState<readonly Explained[]>([]);
	const [chosen, setChosen] = useState<number>();
	const draws = useRef(new Random(1));
	/** What the newest answer must belong to. */
	const current = useRef<object>(undefined);

	useEffect(() => {
		setPlace(data === undefined ? undefined : firstPlace(data));
		setLooked(undefined);
		setReasons([]);
		setChosen(undefined);
	}, [data]);

	const look = useMemo(
		() => client.latest('look', (answer, request) => current.current === request && setLooked(answer), report),
		[client, report],
	);
	const { k, nprobe, kFactor } = settings;
	useEffect(() => {
		if (place === undefined || index === undefined) return;
		const request = { ...place, k, nprobe, kFactor };
		current.current = request;
		look(request);
	}, [look, place, index, k, nprobe, kFactor]);

	useEffect(() => {
		setReasons([]);
		if (looked === undefined || place === undefined) return;
		const controller = new AbortController();
		const timer = setTimeout(async () => {
			try {
				const labels = looked.neighbours.map(({ label }) => label);
				const request = { ...place, k, nprobe, kFactor, labels };
				const answer = await client.call('explain', request, { signal: controller.signal });
				if (!controller.signal.aborted) setReasons(answer);
			} catch (error) {
				if (!controller.signal.aborted) report(error);
			}
		}, REST_MS);
		return () => {
			clearTimeout(timer);
			controller.abort();
		};
		// Asked when an answer to the newest place and settings is there: those are then what the answer is to.
	}, [client, looked]);

	const base = useMemo(
		() => ({
			points: data?.points ?? new Float32Array(0),
			cellOf: index !== undefined && index.nlist > 0 ? index.cellOf : undefined,
			centroids: index?.centroids ?? new Float32Array(0),
		}),
		[data, index],
	);
	const query = useMemo(
		() =>
			place && {
				x: place.x,
				y: place.y,
				opened: looked?.cells ?? NOTHING,
				neighbours: looked?.neighbours ?? [],
				chosen,
			},
		[place, looked, chosen],
	);
	if (data === undefined || place === undefined) return null;
	return (
		<>
			<p class="lead">
				The index has put every vector into the cell of its nearest centroid, and a search opens only the nprobe cells
				nearest to the query. Move the query: true neighbours in cells that stay shut are missed.
			</p>
			<div class="two">
				<div>
					<VectorMap
						bounds={data.bounds}
						base={base}
						query={query}
						label="Map of the vectors and their cells. Arrow keys move the query, with Shift in larger steps."
						onMove={(x, y) => setPlace((before) => before && { ...before, x, y })}
						onChoose={setChosen}
					/>
					<Legend />
					<p class="note">{cellNote(explorer)}</p>
				</div>
				<div class="side">
					<div class="panel">
						<SearchSliders explorer={explorer} />
						<IndexSettings explorer={explorer} />
						<button type="button" onClick={() => setPlace(placeOf(data, draws.current.below(data.shown.length)))}>
							Another query
						</button>
					</div>
					<p class="result" role="status" aria-live="polite">
						{looked !== undefined && resultText(looked, data)}
					</p>
					{query !== undefined && <CloseUp base={base} query={query} />}
				</div>
			</div>
			{looked !== undefined && <Neighbours looked={looked} reasons={reasons} chosen={chosen} onChoose={setChosen} />}
		</>
	);
}

function Legend() {
	return (
		<ul class="legend" aria-label="Marks">
			<li>
				<span class="mark query" /> the query
			</li>
			<li>
				<span class="mark cell" /> a cell opened
			</li>
			<li>
				<span class="mark found" /> true neighbour, found
			</li>
			<li>
				<span class="mark missed" /> true neighbour, missed
			</li>
			<li>
				<span class="mark other" /> returned instead
			</li>
		</ul>
	);
}

function resultText({ neighbours, scanned, micros: time }: Looked, { n }: DataInfo): string {
	const truth = neighbours.filter(({ trueRank }) => trueRank > 0);
	const found = truth.filter(({ position }) => position > 0).length;
	return `${found} of the ${truth.length} nearest found. ${plural(scanned, 'code')} compared, ${percent(scanned / n)} of all, in ${micros(time)}.`;
}

function cellNote({ data, index }: Explorer): string {
	if (data === undefined || index === undefined) return '';
	const sample =
		data.shown.length < data.n ? ` ${count(data.shown.length)} of ${count(data.n)} vectors are drawn.` : '';
	if (index.nlist === 0) return `This index (${index.type}) has no cells: a search compares every code.${sample}`;
	const opened = `Training measured nprobe ${index.nprobe} as a good start.`;
	if (index.exactCells) return `The cells drawn are exactly those of the index. ${opened}${sample}`;
	return `The cells drawn are those of the centroids' places in this projection. The index has its cells in all ${data.d} dimensions, so neighbours on the map need not be neighbours there, and the cells opened need not touch. Moving the query moves a vector of the data inside the plane of the picture. ${opened}${sample}`;
}
