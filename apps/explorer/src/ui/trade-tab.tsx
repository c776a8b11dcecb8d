/** Trade-offs: what a setting finds, holds and costs, and every setting tried so far as a point. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { nprobeSteps } from '../compute/settings.ts';
import { type Measured, type SearchSettings, TRAIN_OPTIONS } from '../protocol.ts';
import { Chart } from './chart.tsx';
import { bytes, count, micros, percent, short } from './format.ts';
import { IndexSettings, SearchSliders } from './settings.tsx';
import type { Explorer } from './use-explorer.ts';

/** A setting that was measured. */
export interface Tried extends Measured, SearchSettings {
	readonly spec: string;
}

export type Axis = 'scanned' | 'micros';

export function TradeTab({ explorer }: { readonly explorer: Explorer }) {
	const { client, data, index, settings, report } = explorer;
	const [now, setNow] = useState<Measured>();
	const [all, setTried] = useState<readonly Tried[]>([]);
	const [axis, setAxis] = useState<Axis>('scanned');
	const [sweeping, setSweeping] = useState(false);
	const current = useRef<object>(undefined);
	const spec = index?.spec ?? '';

	useEffect(() => {
		setTried([]);
		setNow(undefined);
	}, [data]);

	const measure = useMemo(
		() =>
			client.latest(
				'measure',
				(answer, request) => {
					const asked = current.current as { request: SearchSettings; spec: string } | undefined;
					if (asked === undefined || asked.request !== request) return;
					setNow(answer);
					setTried((before) => withTried(before, { ...answer, ...request, spec: asked.spec }));
				},
				report,
			),
		[client, report],
	);
	const { k, nprobe, kFactor } = settings;
	const tried = useMemo(() => all.filter((one) => one.k === k), [all, k]);
	// While another index is being built, what is measured would be the old one.
	const isBuilt =
		index !== undefined &&
		index.nlist === settings.nlist &&
		index.m === settings.m &&
		(index.m === 0 || index.nbits === settings.nbits);
	useEffect(() => {
		if (index === undefined || !isBuilt) return;
		const request = { k, nprobe, kFactor };
		current.current = { request, spec: index.spec };
		measure(request);
	}, [measure, index, isBuilt, k, nprobe, kFactor]);

	const sweep = async (): Promise<void> => {
		if (index === undefined) return;
		setSweeping(true);
		try {
			for (const step of nprobeSteps(index.nlist).filter((n) => Number.isInteger(Math.log2(n)) || n === index.nlist)) {
				const request = { k, nprobe: step, kFactor };
				const answer = await client.call('measure', request);
				if (step === nprobe) setNow(answer);
				setTried((before) => withTried(before, { ...answer, ...request, spec: index.spec }));
			}
		} catch (error) {
			report(error);
		} finally {
			setSweeping(false);
		}
	};

	if (data === undefined) return null;
	return (
		<>
			<p class="lead">
				A new nlist, m or nbits builds the index again; nprobe and kFactor only search again. Each setting is measured
				on {now === undefined ? 'some' : now.queries} vectors of the data as queries, and stays as a point in the
				picture.
			</p>
			<div class="two">
				<div class="side">
					<div class="panel">
						<IndexSettings explorer={explorer} />
						<SearchSliders explorer={explorer} />
						{index !== undefined && index.nlist > 1 && (
							<button type="button" disabled={sweeping || !isBuilt} onClick={() => void sweep()}>
								{sweeping ? 'Trying …' : 'Try every nprobe'}
							</button>
						)}
					</div>
				</div>
				<div>
					<Tiles now={now} k={k} d={data.d} metric={index?.metric ?? 'l2'} />
					<fieldset class="choice inline">
						<legend>Recall against</legend>
						<label>
							<input type="radio" name="axis" checked={axis === 'scanned'} onChange={() => setAxis('scanned')} />
							share scanned
						</label>
						<label>
							<input type="radio" name="axis" checked={axis === 'micros'} onChange={() => setAxis('micros')} />
							time per query
						</label>
					</fieldset>
					<Chart tried={tried} axis={axis} now={{ spec, nprobe, kFactor }} />
				</div>
			</div>
			<TriedTable tried={tried} k={k} onClear={() => setTried([])} />
			{data.given === undefined && index !== undefined && <InNode explorer={explorer} />}
		</>
	);
}

/** A setting measured again replaces what was there. */
function withTried(before: readonly Tried[], one: Tried): readonly Tried[] {
	const same = (other: Tried): boolean =>
		other.spec === one.spec && other.nprobe === one.nprobe && other.kFactor === one.kFactor && other.k === one.k;
	return [...before.filter((other) => !same(other)), one];
}

interface TilesProps {
	readonly now: Measured | undefined;
	readonly k: number;
	readonly d: number;
	readonly metric: string;
}

function Tiles({ now, k, d }: TilesProps) {
	const tiles: readonly (readonly [string, string, string])[] = [
		[
			`recall@${k}`,
			now === undefined ? '–' : now.recall.toFixed(3),
			now === undefined ? '' : `${now.low.toFixed(2)} to ${now.high.toFixed(2)}`,
		],
		['bytes per vector', now === undefined ? '–' : short(now.bytesPerVector), `${count(4 * d)} as float32`],
		['per query', now === undefined ? '–' : micros(now.micros), 'one thread, this machine'],
		['scanned', now === undefined ? '–' : percent(now.scanned), 'of all vectors'],
	];
	return (
		<dl class="tiles" aria-live="polite">
			{tiles.map(([name, value, note]) => (
				<div key={name}>
					<dt>{name}</dt>
					<dd>
						<b>{value}</b>
						<span>{note}</span>
					</dd>
				</div>
			))}
		</dl>
	);
}

interface TriedTableProps {
	readonly tried: readonly Tried[];
	readonly k: number;
	readonly onClear: () => void;
}

function TriedTable({ tried, k, onClear }: TriedTableProps) {
	return (
		<section aria-label="Settings tried">
			<h2>Settings tried</h2>
			<div class="scroll tall">
				<table>
					<thead>
						<tr>
							<th scope="col">index</th>
							<th scope="col">nprobe</th>
							<th scope="col">kFactor</th>
							<th scope="col">recall@{k}</th>
							<th scope="col">scanned</th>
							<th scope="col">per query</th>
							<th scope="col">bytes per vector</th>
						</tr>
					</thead>
					<tbody>
						{tried.toReversed().map((one) => (
							<tr key={`${one.spec} ${one.nprobe} ${one.kFactor}`}>
								<td>
									<code>{one.spec}</code>
								</td>
								<td>{one.nprobe}</td>
								<td>{one.kFactor === 0 ? 'off' : one.kFactor}</td>
								<td>{one.recall.toFixed(3)}</td>
								<td>{percent(one.scanned)}</td>
								<td>{micros(one.micros)}</td>
								<td>{bytes(one.bytesPerVector)}</td>
							</tr>
						))}
					</tbody>
				</table>
			</div>
			<button type="button" class="quiet" disabled={tried.length === 0} onClick={onClear}>
				Forget them
			</button>
		</section>
	);
}

const TRAINING = `{ ${Object.entries(TRAIN_OPTIONS)
	.map(([name, value]) => `${name}: ${value}`)
	.join(', ')} }`;

/** The code that gives the same results in Node. */
function InNode({ explorer: { index, settings } }: { readonly explorer: Explorer }) {
	const { nprobe, k, kFactor, m } = settings;
	const spec = m > 0 && kFactor > 0 ? `${index!.spec},Refine(Flat)` : index!.spec;
	const params = kFactor > 0 && m > 0 ? `{ nprobe: ${nprobe}, kFactor: ${kFactor} }` : `{ nprobe: ${nprobe} }`;
	return (
		<details>
			<summary>The same in Node</summary>
			<pre>{`const index = indexFactory(x.d, '${spec}', { pad: true });
index.train(x, ${TRAINING}).add(x);
index.search(query, ${k}, ${params});`}</pre>
			<p class="note">
				The same vectors, settings and query give the same labels. The page trains with fewer iterations and on fewer
				vectors than the engine does when not told: quicker, and a little worse.
			</p>
		</details>
	);
}
