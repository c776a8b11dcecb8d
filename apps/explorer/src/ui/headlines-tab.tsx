/** Headlines: search by text, with the cells as topics. */

import { useEffect, useMemo, useState } from 'preact/hooks';
import { boundsOf } from '../draw/view.ts';
import type { Neighbour, TextAnswer, TextInfo } from '../protocol.ts';
import { micros, plural } from './format.ts';
import { VectorMap } from './map.tsx';
import { Slider } from './slider.tsx';
import type { Explorer } from './use-explorer.ts';

const EXAMPLES = ['marathon winner', 'marathn runers', 'interest rates', 'new vaccine trial', 'film about the sea'];
const NPROBE_STEPS = [1, 2, 3, 4, 5, 6, 7, 8];

export function HeadlinesTab({ explorer }: { readonly explorer: Explorer }) {
	const { client, report } = explorer;
	const [info, setInfo] = useState<TextInfo>();
	const [text, setText] = useState(EXAMPLES[0]!);
	const [nprobe, setNprobe] = useState(2);
	const [answer, setAnswer] = useState<TextAnswer>();
	const k = explorer.settings.k;

	useEffect(() => {
		const controller = new AbortController();
		client.call('openTexts', {}, { signal: controller.signal }).then(
			(opened) => controller.signal.aborted || setInfo(opened),
			(error: unknown) => controller.signal.aborted || report(error),
		);
		return () => controller.abort();
	}, [client, report]);

	const search = useMemo(() => client.latest('searchTexts', setAnswer, report), [client, report]);
	useEffect(() => {
		if (info !== undefined) search({ text, k, nprobe });
	}, [search, info, text, k, nprobe]);

	const base = useMemo(() => info && { points: info.points, cellOf: info.cellOf, centroids: info.centroids }, [info]);
	const bounds = useMemo(() => boundsOf(info?.points ?? new Float32Array(2)), [info]);
	const query = useMemo(() => {
		if (info === undefined || answer === undefined) return undefined;
		const neighbours = neighboursOf(info, answer);
		return { x: answer.x, y: answer.y, opened: answer.cells, neighbours, chosen: undefined };
	}, [info, answer]);
	if (info === undefined || base === undefined) return null;
	return (
		<>
			<p class="lead">
				{info.headlines.length} invented headlines, each made into a vector by its words and their spelling, without a
				language model. k-means has put them into {info.topics.length} cells, and a search opens the nprobe cells
				nearest to the text: cells gather headlines that share words, across genres, since nothing here knows what a
				word means.
			</p>
			<div class="two">
				<div>
					<label class="search">
						Search the headlines
						<input type="search" value={text} onInput={(event) => setText(event.currentTarget.value)} />
					</label>
					<p class="examples">
						{EXAMPLES.map((example) => (
							<button key={example} type="button" class="quiet" onClick={() => setText(example)}>
								{example}
							</button>
						))}
					</p>
					{answer !== undefined && <Results info={info} answer={answer} />}
				</div>
				<div class="side">
					<div class="panel">
						<Slider
							name="nprobe"
							steps={NPROBE_STEPS}
							value={nprobe}
							about="cells opened"
							show={(value) => `${value} of ${info.topics.length}`}
							onChange={setNprobe}
						/>
					</div>
					<VectorMap bounds={bounds} base={base} query={query} label="Map of the headlines, coloured by their cell" />
					<p class="note">
						A projection of {plural(256, 'number')} to two; the cells drawn are those of the projection.
					</p>
					<Topics info={info} opened={answer?.cells ?? new Uint32Array(0)} />
				</div>
			</div>
		</>
	);
}

function neighboursOf(info: TextInfo, { found, truth }: TextAnswer): Neighbour[] {
	const positions = new Map(found.map(({ label }, i) => [label, i + 1]));
	return truth.map(({ label, distance }, i) => ({
		label,
		x: info.points[2 * label]!,
		y: info.points[2 * label + 1]!,
		trueRank: i + 1,
		position: positions.get(label) ?? 0,
		distance,
	}));
}

function Results({ info, answer }: { readonly info: TextInfo; readonly answer: TextAnswer }) {
	const { found, truth, embedMs, searchMs } = answer;
	const given = new Set(found.map(({ label }) => label));
	const missed = truth.filter(({ label }) => !given.has(label));
	return (
		<section aria-label="Headlines found">
			<p class="result" role="status" aria-live="polite">
				{found.length === 0
					? 'No headline shares anything with this text in the cells opened.'
					: `${plural(found.length, 'headline')}, ${truth.length - missed.length} of the ${truth.length} nearest among them.`}{' '}
				Made into a vector in {micros(1000 * embedMs)}, searched in {micros(1000 * searchMs)}.
			</p>
			<ol class="headlines">
				{found.map(({ label, distance }) => (
					<Line key={label} info={info} label={label} note={`similarity ${distance.toFixed(2)}`} />
				))}
			</ol>
			{missed.length > 0 && (
				<>
					<h3>Missed, in cells that were not opened</h3>
					<ul class="headlines">
						{missed.map(({ label, distance }) => (
							<Line key={label} info={info} label={label} note={`similarity ${distance.toFixed(2)}`} />
						))}
					</ul>
				</>
			)}
		</section>
	);
}

interface LineProps {
	readonly info: TextInfo;
	readonly label: number;
	readonly note: string;
}

function Line({ info, label, note }: LineProps) {
	const { headline, genre } = info.headlines[label]!;
	return (
		<li>
			{headline}{' '}
			<span class="note">
				{genre}, cell {info.cellOf[label]}, {note}
			</span>
		</li>
	);
}

function Topics({ info, opened }: { readonly info: TextInfo; readonly opened: Uint32Array }) {
	return (
		<div class="scroll">
			<table>
				<caption>The cells, by words that are common in them</caption>
				<thead>
					<tr>
						<th scope="col">cell</th>
						<th scope="col">common words</th>
						<th scope="col">headlines</th>
					</tr>
				</thead>
				<tbody>
					{info.topics.map((topic, cell) => {
						const rows = info.headlines.filter((_, row) => info.cellOf[row] === cell);
						return (
							<tr key={topic} class={opened.includes(cell) ? 'chosen' : ''}>
								<td>
									{cell}
									{opened.includes(cell) && <span class="hidden-text"> opened</span>}
								</td>
								<td class="wrap">{topic}</td>
								<td class="wrap">
									{rows.length}: {genres(rows.map(({ genre }) => genre))}
								</td>
							</tr>
						);
					})}
				</tbody>
			</table>
		</div>
	);
}

/** The commonest genres and how many have them. */
function genres(all: readonly string[]): string {
	const counts = new Map<string, number>();
	for (const genre of all) counts.set(genre, (counts.get(genre) ?? 0) + 1);
	const sorted = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3);
	return `${sorted.map(([genre, n]) => `${genre} ${n}`).join(', ')} …`;
}
