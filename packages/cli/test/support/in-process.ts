/** Runs a command in this process: what it prints, and the error that it ends in. Much quicker than the program itself. */
import { Command } from 'commander';
import { vi } from 'vitest';
import { explain } from '../../src/errors.ts';

export interface Ran {
	readonly stdout: string;
	readonly stderr: string;
	/** As the program exits: 0, 1, 2. */
	readonly code: number;
}

/** `vecino ...args`, with the commands that `register` adds. */
export async function runHere(register: (program: Command) => void, args: readonly string[]): Promise<Ran> {
	let stdout = '';
	let stderr = '';
	const out = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
		stdout += String(text);
		return true;
	});
	const err = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
		stderr += String(text);
		return true;
	});
	try {
		const program = new Command('vecino').exitOverride().configureOutput({ outputError: (text, write) => write(text) });
		register(program);
		await program.parseAsync(args, { from: 'user' });
		return { stdout, stderr, code: 0 };
	} catch (error) {
		const { exitCode, line } = explain(error);
		return { stdout, stderr: `${stderr}${line ?? ''}`, code: exitCode };
	} finally {
		out.mockRestore();
		err.mockRestore();
	}
}
