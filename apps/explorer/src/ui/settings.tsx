/** The sliders of the index and of the search, as several tabs show them. */

import { K_FACTOR_STEPS, K_STEPS, mSteps, NBITS_STEPS, nlistSteps, nprobeSteps } from '../compute/settings.ts';
import { count } from './format.ts';
import { Slider } from './slider.tsx';
import type { Explorer } from './use-explorer.ts';

export function IndexSettings({ explorer }: { readonly explorer: Explorer }) {
	const { data, settings, change } = explorer;
	if (data === undefined) return null;
	if (data.given !== undefined) {
		return <p class="note">nlist, m and nbits are those of the index in the file: {data.given.spec}.</p>;
	}
	const steps = mSteps(data.d);
	return (
		<>
			<Slider
				name="nlist"
				steps={nlistSteps(data.n)}
				value={settings.nlist}
				show={count}
				about="cells"
				onChange={(nlist) => change({ nlist, nprobe: Math.min(settings.nprobe, nlist) })}
			/>
			<fieldset class="choice">
				<legend>codes</legend>
				<label>
					<input type="radio" name="codes" checked={settings.m === 0} onChange={() => change({ m: 0, kFactor: 0 })} />
					whole vectors (Flat)
				</label>
				<label>
					<input
						type="radio"
						name="codes"
						checked={settings.m > 0}
						onChange={() => change({ m: steps.findLast((m) => m <= Math.max(1, data.d / 4)) ?? 1 })}
					/>
					product quantizer (PQ)
				</label>
			</fieldset>
			{settings.m > 0 && (
				<>
					<Slider name="m" steps={steps} value={settings.m} about="sub-vectors" onChange={(m) => change({ m })} />
					<Slider
						name="nbits"
						steps={NBITS_STEPS}
						value={settings.nbits}
						about={`bits per sub-code, so ${2 ** settings.nbits} centroids in each codebook`}
						onChange={(nbits) => change({ nbits })}
					/>
				</>
			)}
		</>
	);
}

export function SearchSliders({ explorer }: { readonly explorer: Explorer }) {
	const { data, index, settings, change } = explorer;
	return (
		<>
			{(index === undefined || index.nlist > 0) && (
				<Slider
					name="nprobe"
					steps={nprobeSteps(settings.nlist)}
					value={settings.nprobe}
					about="cells opened"
					show={(nprobe) => `${count(nprobe)} of ${count(settings.nlist)}`}
					onChange={(nprobe) => change({ nprobe })}
				/>
			)}
			{index?.canRefine && (
				<Slider
					name="kFactor"
					steps={K_FACTOR_STEPS}
					value={settings.kFactor}
					about="candidates re-ranked with the vectors themselves, for each result"
					show={(kFactor) => (kFactor === 0 ? 'off' : String(kFactor))}
					onChange={(kFactor) => change({ kFactor })}
				/>
			)}
			<Slider
				name="k"
				steps={K_STEPS.filter((k) => k < (data?.n ?? 0))}
				value={settings.k}
				about="neighbours asked for"
				onChange={(k) => change({ k })}
			/>
		</>
	);
}
