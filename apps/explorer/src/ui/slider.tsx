/** A slider over a list of values, with its name, its value in words, and what it means. */

import { useId } from 'preact/hooks';
import { nearestStep } from '../compute/settings.ts';

interface SliderProps {
	readonly name: string;
	readonly steps: readonly number[];
	readonly value: number;
	readonly about?: string;
	readonly disabled?: boolean;
	readonly show?: (value: number) => string;
	readonly onChange: (value: number) => void;
}

export function Slider({ name, steps, value, about, disabled = false, show = String, onChange }: SliderProps) {
	const id = useId();
	const at = steps.indexOf(nearestStep(steps, value));
	return (
		<div class="slider">
			<label for={id}>
				<span class="name">{name}</span>
				<output for={id}>{show(value)}</output>
			</label>
			<input
				id={id}
				type="range"
				min={0}
				max={Math.max(0, steps.length - 1)}
				step={1}
				value={at}
				disabled={disabled || steps.length < 2}
				aria-valuetext={show(value)}
				aria-describedby={about === undefined ? undefined : `${id}-about`}
				onInput={(event) => onChange(steps[event.currentTarget.valueAsNumber]!)}
			/>
			{about !== undefined && (
				<p class="about" id={`${id}-about`}>
					{about}
				</p>
			)}
		</div>
	);
}
