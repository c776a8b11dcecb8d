/** Which vectors are looked at: a built-in set, a file picked, or a file dropped anywhere on the page. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { BUILT_IN_SETS, type SetId } from '../compute/sets.ts';
import { bytes, count, percent, plural } from './format.ts';
import type { Explorer } from './use-explorer.ts';

export function DataBar({ explorer }: { readonly explorer: Explorer }) {
	const { data, set, openSet, openFile } = explorer;
	const picker = useRef<HTMLInputElement>(null);
	const dragging = useDrop(openFile);
	return (
		<section class="data" aria-label="Vectors">
			<div class="row">
				<label>
					Vectors{' '}
					<select
						value={set ?? 'file'}
						onChange={(event) => {
							const { value } = event.currentTarget;
							if (value !== 'file') openSet(value as SetId);
						}}
					>
						{BUILT_IN_SETS.map(({ id, title }) => (
							<option key={id} value={id}>
								{title}
							</option>
						))}
						{set === undefined && data !== undefined && <option value="file">{data.name}</option>}
					</select>
				</label>
				<button type="button" onClick={() => picker.current?.click()}>
					Open a file …
				</button>
				<input
					ref={picker}
					type="file"
					class="hidden"
					tabIndex={-1}
					aria-label="A file of vectors or an index"
					onChange={(event) => {
						const file = event.currentTarget.files?.[0];
						event.currentTarget.value = '';
						if (file !== undefined) openFile(file);
					}}
				/>
				<span class="hint">
					or drop one here: .npy, .fvecs, .bvecs, .vecino or a FAISS index. It stays on this machine.
				</span>
			</div>
			{data !== undefined && <Facts explorer={explorer} />}
			{dragging && <div class="drop">Drop it to open it</div>}
		</section>
	);
}

function Facts({ explorer: { data, set, index } }: { readonly explorer: Explorer }) {
	if (data === undefined) return null;
	const about = BUILT_IN_SETS.find(({ id }) => id === set)?.about;
	return (
		<>
			<p class="facts">
				{about !== undefined && <>{about} </>}
				<b>{count(data.n)}</b> vectors of <b>{plural(data.d, 'number')}</b>.
				{index !== undefined && (
					<>
						{' '}
						Index <code>{index.spec}</code>, {bytes(index.bytes / data.n)} per vector
						{index.seconds > 0 && <>, built in {index.seconds.toFixed(index.seconds < 1 ? 2 : 1)} s</>}.
					</>
				)}
				{!data.exact && <> The pictures show {percent(data.share)} of the spread, that of the two main directions.</>}
			</p>
			{data.notes.map((note) => (
				<p class="note" key={note}>
					{note}
				</p>
			))}
		</>
	);
}

/** Opens what is dropped on the page; true while something is dragged over it. */
function useDrop(openFile: (file: File) => void): boolean {
	const [over, setOver] = useState(false);
	useEffect(() => {
		const controller = new AbortController();
		const { signal } = controller;
		const hasFile = (event: DragEvent): boolean => event.dataTransfer?.types.includes('Files') === true;
		const onOver = (event: DragEvent): void => {
			if (!hasFile(event)) return;
			event.preventDefault();
			setOver(true);
		};
		const onLeave = (event: DragEvent): void => {
			if (event.relatedTarget === null) setOver(false);
		};
		const onDrop = (event: DragEvent): void => {
			if (!hasFile(event)) return;
			event.preventDefault();
			setOver(false);
			const file = event.dataTransfer?.files[0];
			if (file !== undefined) openFile(file);
		};
		addEventListener('dragover', onOver, { signal });
		addEventListener('dragleave', onLeave, { signal });
		addEventListener('drop', onDrop, { signal });
		return () => controller.abort();
	}, [openFile]);
	return over;
}
