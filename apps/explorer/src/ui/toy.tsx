/** 12 numbers, step by step: split, nearest centroid, ids, reconstruct, and the table of a query. */

import { useState } from 'preact/hooks';
import { runToy, TOY, TOY_CODEBOOK, TOY_QUERY, TOY_VECTOR, toyTable } from '../compute/toy.ts';

const STEPS = ['The vector', 'Split', 'Nearest centroids', 'The code', 'Reconstruct', 'Compare with a query'] as const;
const PARTS = Array.from({ length: TOY.m }, (_, j) => j);

export function Toy() {
	const [vector, setVector] = useState<readonly number[]>(TOY_VECTOR);
	const [step, setStep] = useState(0);
	const toy = runToy(vector);
	return (
		<section aria-label="Twelve numbers, step by step">
			<h2>Twelve numbers, step by step</h2>
			<div class="stepper">
				<button type="button" disabled={step === 0} onClick={() => setStep(step - 1)}>
					Back
				</button>
				<button type="button" disabled={step === STEPS.length - 1} onClick={() => setStep(step + 1)}>
					Next
				</button>
				<span role="status" aria-live="polite">
					Step {step + 1} of {STEPS.length}: <b>{STEPS[step]}</b>
				</span>
			</div>
			<p class="say">{sentence(step, toy)}</p>
			<div class="toy">
				{PARTS.map((j) => (
					<div key={j} class={`part part-${j} ${step === 0 ? 'joined' : ''}`}>
						<div class="numbers">
							{toy.parts[j]!.map((value, t) => (
								<input
									key={t}
									type="number"
									min={0}
									max={9}
									value={value}
									aria-label={`Number ${j * TOY.dsub + t + 1}`}
									onInput={(event) => {
										const next = Math.round(event.currentTarget.valueAsNumber);
										if (!(next >= 0 && next <= 9)) return;
										setVector(vector.with(j * TOY.dsub + t, next));
									}}
								/>
							))}
						</div>
						{step >= 2 && <Codebook j={j} distances={toy.distances[j]!} id={toy.ids[j]!} />}
						{step >= 3 && (
							<p class="id">
								id <b>{toy.ids[j]}</b>
							</p>
						)}
						{step >= 4 && (
							<div class="numbers again">
								<span class="hidden-text">reconstructed</span>
								{TOY_CODEBOOK[j]![toy.ids[j]!]!.map((value, t) => (
									<span key={t} class={value === toy.parts[j]![t] ? 'same' : 'off'}>
										{value}
									</span>
								))}
							</div>
						)}
					</div>
				))}
			</div>
			{step >= 5 && <ToyTable vector={vector} ids={toy.ids} />}
			{step > 0 && (
				<button type="button" class="quiet" onClick={() => setStep(0)}>
					From the start
				</button>
			)}
		</section>
	);
}

function sentence(step: number, { ids, distances, squaredError }: ReturnType<typeof runToy>): string {
	const { m, dsub, ksub, d } = TOY;
	const picked = ids.map((id, j) => distances[j]![id]!);
	return [
		`A vector of d = ${d} numbers. Change them if you like, 0 to 9.`,
		`Cut into m = ${m} sub-vectors of dsub = ${dsub} numbers each.`,
		`Each part has a codebook of ksub = ${ksub} centroids. Beside each is its squared distance to the sub-vector; the nearest is marked.`,
		`The code is the ids of the nearest: ${ids.join(', ')}. ${m} ids of ${Math.log2(ksub)} bits are ${m * Math.log2(ksub)} bits, and the vector had ${d * 32}.`,
		`What the code stands for: the centroids, side by side. Squared error: ${picked.join(' + ')} = ${squaredError}.`,
		'For a query a table is made once: the squared distance of each of its sub-vectors to each centroid. A code then costs one number per row.',
	][step]!;
}

function Codebook({
	j,
	distances,
	id,
}: {
	readonly j: number;
	readonly distances: readonly number[];
	readonly id: number;
}) {
	return (
		<table class="book">
			<caption class="hidden-text">Codebook of part {j}</caption>
			<thead>
				<tr>
					<th scope="col">id</th>
					<th scope="col">centroid</th>
					<th scope="col">dist.</th>
				</tr>
			</thead>
			<tbody>
				{TOY_CODEBOOK[j]!.map((centroid, i) => (
					<tr key={centroid.join()} class={i === id ? 'nearest' : ''}>
						<th scope="row">{i}</th>
						<td>{centroid.join(' ')}</td>
						<td>
							{distances[i]}
							{i === id ? ' ◂' : ''}
						</td>
					</tr>
				))}
			</tbody>
		</table>
	);
}

interface ToyTableProps {
	readonly vector: readonly number[];
	readonly ids: readonly number[];
}

function ToyTable({ vector, ids }: ToyTableProps) {
	const table = toyTable(TOY_QUERY);
	const picked = ids.map((id, j) => table[j]![id]!);
	const sum = picked.reduce((a, b) => a + b, 0);
	const exact = TOY_QUERY.reduce((total, value, t) => total + (value - vector[t]!) ** 2, 0);
	return (
		<div class="scroll">
			<p>The query is {TOY_QUERY.join(' ')}. Its table, one row for each sub-vector, one column for each id:</p>
			<table class="adc">
				<caption class="hidden-text">Table of the query</caption>
				<thead>
					<tr>
						<th scope="col">part</th>
						{table[0]!.map((_, id) => (
							<th scope="col" key={id}>
								{id}
							</th>
						))}
					</tr>
				</thead>
				<tbody>
					{PARTS.map((j) => (
						<tr key={j}>
							<th scope="row">{j}</th>
							{table[j]!.map((value, id) => (
								<td key={id} class={id === ids[j] ? 'picked' : ''}>
									{id === ids[j] ? <b>{value}</b> : value}
								</td>
							))}
						</tr>
					))}
				</tbody>
			</table>
			<p>
				Distance by the code: {picked.join(' + ')} = <b>{sum}</b>. By the vector itself: <b>{exact}</b>.
			</p>
		</div>
	);
}
