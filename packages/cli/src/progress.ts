/**
 * Progress on stderr: a bar with the time left where stderr is a terminal, else at most one line per phase. What is
 * over at once is not shown.
 */

import { Presets, SingleBar } from 'cli-progress';
import type { Progress } from 'vecino';
import { count, seconds } from './output.ts';

/** A phase is shown once it has run this long, ms. */
const PATIENCE = { terminal: 150, plain: 1000 } as const;

/** The time left is shown when a phase has run this long, ms, and this share of it is done. */
const FORESEEN = { after: 1000, share: 0.02 } as const;

/** Phases of the engine that say little by themselves. */
const CLEARER: Readonly<Record<string, string>> = {
	nprobe: 'measure nprobe',
	assign: 'assign to cells',
	truth: 'exact neighbours',
	whole: 'measure',
	table: 'recall of all settings',
};

/** '12 s left', from the pace so far; '' when it is too early to tell. */
export function timeLeft(elapsedMs: number, done: number, total: number): string {
	if (elapsedMs < FORESEEN.after || done < FORESEEN.share * total || done >= total) return '';
	return `${seconds(((elapsedMs / 1000) * (total - done)) / done)} left`;
}

export class ProgressLine {
	/** Put before the name of a phase: which of several indexes is being built. */
	prefix = '';
	readonly #stream: NodeJS.WriteStream;
	#phase = '';
	#started = 0;
	#shown = false;
	#bar: SingleBar | undefined;

	constructor(stream: NodeJS.WriteStream) {
		this.#stream = stream;
	}

	/** Takes what the engine reports; a detail is shown beside the bar. */
	readonly report = (progress: Progress, detail?: string): void => {
		const { phase, done, total } = flatten(progress);
		const clear = CLEARER[phase] ?? phase;
		const name = this.prefix === '' ? clear : `${this.prefix}: ${clear}`;
		if (name !== this.#phase) this.#begin(name);
		const patience = this.#stream.isTTY ? PATIENCE.terminal : PATIENCE.plain;
		if (!this.#shown && performance.now() - this.#started < patience) return;
		if (this.#stream.isTTY) this.#draw(done, total, detail);
		else if (!this.#shown) this.#stream.write(`${name} ...\n`);
		this.#shown = true;
	};

	/** A line that stays. */
	note(line: string): void {
		this.stop();
		this.#stream.write(`${line}\n`);
	}

	/** Wipes the bar away. */
	stop(): void {
		this.#bar?.stop();
		this.#bar = undefined;
		this.#phase = '';
	}

	#begin(name: string): void {
		this.stop();
		this.#phase = name;
		this.#started = performance.now();
		this.#shown = false;
	}

	#draw(done: number, total: number, detail = total > 0 ? '' : count(done)): void {
		const left = total > 0 ? timeLeft(performance.now() - this.#started, done, total) : '';
		const payload = { name: this.#phase, rows: [detail, left].filter((part) => part !== '').join(', ') };
		if (this.#bar === undefined) {
			const format = total > 0 ? '{name} {bar} {percentage} % {rows}' : '{name} {rows}';
			this.#bar = new SingleBar(
				{ format, stream: this.#stream, clearOnComplete: true, hideCursor: true, gracefulExit: false, barsize: 30 },
				Presets.shades_classic,
			);
			this.#bar.start(total > 0 ? total : 1, 0, payload);
		}
		// Parts of one phase differ in length.
		if (total > 0) this.#bar.setTotal(total);
		this.#bar.update(total > 0 ? done : 0, payload);
	}
}

/** 'codebook 3 of 16', 10 of 25 -> 'codebooks', 60 of 400: one phase rather than sixteen. */
function flatten({ phase, done, total }: Progress): Progress {
	const [, name, index, of] = /^(.+) (\d+) of (\d+)$/.exec(phase) ?? [];
	if (name === undefined || total <= 0) return { phase, done, total };
	return { phase: `${name}s`, done: (Number(index) - 1) * total + done, total: Number(of) * total };
}
