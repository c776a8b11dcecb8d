/** The true neighbours and what was returned instead, as a table; choosing one shows the engine's explanation. */

import type { Explained, Looked, Neighbour } from '../protocol.ts';
import { short } from './format.ts';

interface NeighboursProps {
	readonly looked: Looked;
	readonly reasons: readonly Explained[];
	readonly chosen: number | undefined;
	readonly onChoose: (label: number) => void;
}

export function Neighbours({ looked, reasons, chosen, onChoose }: NeighboursProps) {
	const known =
		looked.neighbours.find(({ label }) => label === chosen) ??
		looked.neighbours.find(({ trueRank, position }) => trueRank > 0 && position === 0) ??
		looked.neighbours[0];
	const reason = reasons.find(({ label }) => label === known?.label);
	return (
		<section class="neighbours" aria-label="Neighbours of the query">
			<h2>Why it was found, or not</h2>
			<p class="why" role="status" aria-live="polite">
				{reason?.text ?? ' '}
			</p>
			<div class="scroll">
				<table>
					<caption>True neighbours by rank, then what was returned instead of missed ones</caption>
					<thead>
						<tr>
							<th scope="col">rank</th>
							<th scope="col">label</th>
							<th scope="col">result</th>
							<th scope="col">distance</th>
							<th scope="col">verdict</th>
						</tr>
					</thead>
					<tbody>
						{looked.neighbours.map((neighbour) => (
							<tr key={neighbour.label} class={neighbour.label === known?.label ? 'chosen' : ''}>
								<td>{neighbour.trueRank === 0 ? '–' : neighbour.trueRank}</td>
								<td>
									<button
										type="button"
										class="link"
										aria-pressed={neighbour.label === known?.label}
										aria-label={`Explain label ${neighbour.label}`}
										onClick={() => onChoose(neighbour.label)}
										onFocus={() => onChoose(neighbour.label)}
									>
										{neighbour.label}
									</button>
								</td>
								<td class={classOf(neighbour)}>{resultOf(neighbour)}</td>
								<td>{short(neighbour.distance)}</td>
								<td>{verdictOf(neighbour, reasons)}</td>
							</tr>
						))}
					</tbody>
				</table>
			</div>
		</section>
	);
}

function classOf({ trueRank, position }: Neighbour): string {
	if (trueRank === 0) return '';
	return position > 0 ? 'good' : 'bad';
}

function resultOf({ trueRank, position }: Neighbour): string {
	if (trueRank === 0) return `returned at ${position}`;
	return position > 0 ? `found at ${position}` : 'missed';
}

function verdictOf({ label, trueRank }: Neighbour, reasons: readonly Explained[]): string {
	if (trueRank === 0) return 'not among the nearest';
	return reasons.find((one) => one.label === label)?.verdict ?? '';
}
