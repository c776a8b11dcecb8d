/** A process of its own that writes to a collection, told what to do by messages. Runs the built package. */

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface Writer {
	readonly pid: number;
	/** Settles with its answer when it is done; throws what it throws. */
	ask(what: string): Promise<string>;
	/** Ends it at once, as a crash does. */
	kill(): Promise<void>;
}

export class Processes implements Disposable {
	readonly #children: ChildProcess[] = [];

	/** Starts a process that has the collection open for writing. */
	async start(folder: string): Promise<Writer> {
		const child = fork(fileURLToPath(new URL('./writer.ts', import.meta.url)), [folder], { execArgv: [] });
		this.#children.push(child);
		const answer = async (): Promise<string> => {
			const [message] = (await once(child, 'message')) as [string];
			if (message.startsWith('error')) throw new Error(message);
			return message;
		};
		await answer();
		return {
			pid: child.pid!,
			ask: (what) => {
				child.send(what);
				return answer();
			},
			kill: async () => {
				const exit = once(child, 'exit');
				child.kill('SIGKILL');
				await exit;
			},
		};
	}

	[Symbol.dispose](): void {
		for (const child of this.#children) child.kill('SIGKILL');
	}
}
