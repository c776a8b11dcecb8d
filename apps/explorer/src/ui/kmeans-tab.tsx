/** k-means: the centroids on their way, iteration by iteration. */

import { useEffect, useMemo, useState } from 'preact/hooks';
import { nearestStep, nlistSteps } from '../compute/settings.ts';
import type { Clustered, ClusterRequest } from '../protocol.ts';
import { count, percent, plural, short } from './format.ts';
import { VectorMap } from './map.tsx';
import { Slider } from './slider.tsx';
import type { Explorer } from './use-explorer.ts';

const NITER = 25;
const FRAME_MS = 650;
const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

export function KMeansTab({ explorer }: { readonly explorer: Explorer }) {
	const { client, data, report } = explorer;
	const [wantedK, setK] = useState(16);
	const [seed, setSeed] = useState(1);
	const [init, setInit] = useState<ClusterRequest['init']>('random');
	const [run, setRun] = useState<Clustered>();
	const [at, setAt] = useState(0);
	const [playing, setPlaying] = useState(false);
	const steps = nlistSteps(data?.n ?? 0).filter((n) => n <= 128);
	const k = nearestStep(steps, wantedK);

	useEffect(() => {
		if (data === undefined) return;
		const controller = new AbortController();
		const { signal } = controller;
		setPlaying(false);
		client.call('cluster', { k, niter: NITER, seed, init }, { signal }).then(
			(answer) => {
				if (signal.aborted) return;
				setRun(answer);
				setAt(0);
			},
			(error: unknown) => signal.aborted || report(error),
		);
		return () => controller.abort();
	}, [client, data, k, seed, init, report]);

	const last = (run?.frames.length ?? 1) - 1;
	useEffect(() => {
		if (!playing) return;
		if (at >= last) {
			setPlaying(false);
			return;
		}
		const timer = setTimeout(() => setAt(at + 1), FRAME_MS);
		return () => clearTimeout(timer);
	}, [playing, at, last]);

	const frame = run?.frames[Math.min(at, last)];
	const before = run?.frames[Math.min(at, last) - 1];
	const base = useMemo(
		() =>
			run &&
			frame && {
				points: run.points,
				cellOf: frame.assign,
				centroids: frame.centroids,
				before: before?.centroids,
			},
		[run, frame, before],
	);
	if (data === undefined) return null;
	return (
		<>
			<p class="lead">
				k-means finds the centroids of cells, and those of codebooks too. It starts from vectors drawn by lot, then
				repeats two things: put every vector to its nearest centroid, move every centroid to the middle of its vectors.
			</p>
			<div class="two">
				<div>
					{base !== undefined && (
						<VectorMap
							bounds={data.bounds}
							base={base}
							label={`Map of the vectors coloured by their centroid, after ${plural(at, 'iteration')}`}
						/>
					)}
					<p class="note">
						{data.exact
							? 'The cells drawn are exact.'
							: `k-means works on all ${data.d} numbers; the picture shows where things lie in the projection, and the cells drawn are those of the projection.`}
						{run !== undefined && run.points.length / 2 < data.n && (
							<> {count(run.points.length / 2)} vectors, drawn by lot, take part.</>
						)}{' '}
						Lines show where a centroid came from.
					</p>
				</div>
				<div class="side">
					<div class="panel">
						<div class="stepper">
							<button type="button" disabled={at >= last} onClick={() => setPlaying(!playing)}>
								{playing ? 'Pause' : 'Play'}
							</button>
							<button type="button" disabled={at === 0} onClick={() => setAt(at - 1)}>
								Back
							</button>
							<button type="button" disabled={at >= last} onClick={() => setAt(at + 1)}>
								Step
							</button>
							<button
								type="button"
								disabled={at === 0}
								onClick={() => {
									setPlaying(false);
									setAt(0);
								}}
							>
								Reset
							</button>
						</div>
						<Slider name="centroids" steps={steps} value={k} onChange={setK} />
						<Slider name="seed" steps={SEEDS} value={seed} about="what is drawn by lot" onChange={setSeed} />
						<fieldset class="choice">
							<legend>start</legend>
							<label>
								<input type="radio" name="init" checked={init === 'random'} onChange={() => setInit('random')} />
								vectors drawn by lot
							</label>
							<label>
								<input type="radio" name="init" checked={init === 'kmeans++'} onChange={() => setInit('kmeans++')} />
								k-means++, drawn far apart
							</label>
						</fieldset>
					</div>
					{run !== undefined && frame !== undefined && (
						<>
							<p class="result" role="status" aria-live="polite">
								{at === 0 ? 'Start' : `After ${plural(at, 'iteration')}`}: objective {short(frame.objective)}
								{at > 0 && <>, {plural(frame.moved, 'vector')} changed cells</>}.{' '}
								{at === last &&
									at > 0 &&
									(frame.moved === 0 ? 'Nothing changes any more.' : 'That is where this run ends.')}
							</p>
							<Objectives run={run} at={at} onPick={setAt} />
						</>
					)}
				</div>
			</div>
		</>
	);
}

interface ObjectivesProps {
	readonly run: Clustered;
	readonly at: number;
	readonly onPick: (at: number) => void;
}

/** The objective of each iteration, as bars that are also buttons. */
function Objectives({ run, at, onPick }: ObjectivesProps) {
	const first = run.frames[0]!.objective;
	return (
		<div class="scroll tall">
			<table class="bars">
				<caption>Objective: squared distances to the nearest centroid, summed</caption>
				<thead>
					<tr>
						<th scope="col">after</th>
						<th scope="col">objective</th>
						<th scope="col">of the first</th>
					</tr>
				</thead>
				<tbody>
					{run.frames.map(({ objective }, i) => (
						<tr key={i} class={i === at ? 'chosen' : ''}>
							<td>
								<button
									type="button"
									class="link"
									aria-label={`Show iteration ${i}`}
									aria-pressed={i === at}
									onClick={() => onPick(i)}
								>
									{i}
								</button>
							</td>
							<td>{short(objective)}</td>
							<td>
								<span class="bar" style={{ width: `${(70 * objective) / Math.max(first, 1e-30)}%` }} />{' '}
								{percent(objective / Math.max(first, 1e-30))}
							</td>
						</tr>
					))}
				</tbody>
			</table>
		</div>
	);
}
