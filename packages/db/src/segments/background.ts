/**
 * Work in the background, one job at a time in each of two lanes: deltas are sealed in one, so that they never wait for the
 * other, which trains, moves, compacts and measures. What is to be done next is asked for anew after each job.
 *
 * A job that fails is tried again, later and later, and with the next write; nothing is lost meanwhile.
 */

/** Something to do. */
export interface Job {
	/** 'sealing', 'training', 'growing', 'compacting', 'measuring'. */
	readonly kind: string;
	run(): Promise<void>;
}

export interface LaneOptions {
	/** The next job; undefined: nothing is due. */
	readonly next: () => Job | undefined;
	/** Called when a job has ended, well or not. */
	readonly ended: () => void;
	/** Waits before a failed job is tried again: the first, and the longest. */
	readonly backoffMs?: readonly [number, number];
}

const BACKOFF_MS = [1000, 60_000] as const;

/** Jobs one after the other. */
export class Lane {
	readonly #options: LaneOptions;
	#running: Promise<void> | undefined;
	#job: Job | undefined;
	#failures = 0;
	#error: unknown;
	/** A job failed, and it is too early to try again. */
	#resting = false;
	#timer: NodeJS.Timeout | undefined;
	#closed = false;

	constructor(options: LaneOptions) {
		this.#options = options;
	}

	/** What is being done. */
	get kind(): string | undefined {
		return this.#job?.kind;
	}

	/** Why the last job failed, until one succeeds. */
	get error(): unknown {
		return this.#error;
	}

	/** Starts what is due, unless it failed a moment ago. */
	poke(): void {
		if (this.#closed || this.#running !== undefined) return;
		if (this.#resting) return;
		if (this.#options.next() === undefined) return;
		this.#running = this.#work();
	}

	/** Does all that is due; a job that failed before is tried at once. @throws what a job throws. */
	async settle(): Promise<void> {
		this.#resting = false;
		this.poke();
		await this.#running;
		if (this.#error !== undefined && !this.#closed) throw this.#error;
	}

	/** Starts nothing any more; settles when the job under way has ended. */
	async close(): Promise<void> {
		this.#closed = true;
		clearTimeout(this.#timer);
		await this.#running;
	}

	/** Never rejects. */
	async #work(): Promise<void> {
		for (;;) {
			const job = this.#closed ? undefined : this.#options.next();
			this.#job = job;
			if (job === undefined) break;
			try {
				await job.run();
				this.#failures = 0;
				this.#error = undefined;
			} catch (error) {
				if (this.#closed) break;
				this.#fail(error);
				break;
			} finally {
				this.#job = undefined;
				this.#options.ended();
			}
		}
		this.#running = undefined;
		this.#options.ended();
	}

	#fail(error: unknown): void {
		this.#error = error;
		const [first, longest] = this.#options.backoffMs ?? BACKOFF_MS;
		const wait = Math.min(longest, first * 2 ** this.#failures++);
		this.#resting = true;
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => {
			this.#resting = false;
			this.poke();
		}, wait);
		this.#timer.unref?.();
	}
}

/**
 * Waits of background work that end one at a time, each in a turn of the event loop of its own: what two lanes do between
 * two waits does not add up.
 */
export function pacer(): () => Promise<void> {
	const waiting: (() => void)[] = [];
	const next = (): void => {
		waiting.shift()?.();
		if (waiting.length > 0) setImmediate(next);
	};
	return () =>
		new Promise((resolve) => {
			waiting.push(resolve);
			if (waiting.length === 1) setImmediate(next);
		});
}
