/**
 * Segment and model files in a folder, each written whole through a temporary name, synced and renamed.
 */

import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { VecinoError } from 'vecino';
import { writeFileAtomic } from 'vecino/node';
import type { SegmentFiles } from './contract.ts';

const EXTENSION = '.vecino';
/** What an interrupted write leaves: `.name.pid.random.tmp`. */
const TEMPORARY = /^\..*\.vecino\..*\.tmp$/;

/** Whether a manifest, which may come from anywhere, names a file in its own folder. */
export function isFileName(name: string): boolean {
	return /^[\w-]{1,200}$/.test(name);
}

/** Files `<folder>/<name>.vecino`; the folder is made by the first write. */
export class FolderFiles implements SegmentFiles {
	readonly folder: string;

	constructor(folder: string) {
		this.folder = folder;
	}

	path(name: string): string {
		if (!isFileName(name))
			throw new VecinoError(
				'corrupt-data',
				`${this.folder}: the manifest names an index file '${name}', which is no name`,
			);
		return join(this.folder, `${name}${EXTENSION}`);
	}

	async write(name: string, chunks: Iterable<Uint8Array>): Promise<number> {
		await attempt(this.folder, 'made', mkdir(this.folder, { recursive: true }));
		return writeFileAtomic(this.path(name), chunks);
	}

	async read(name: string): Promise<Uint8Array> {
		return attempt(this.path(name), 'read', readFile(this.path(name)));
	}

	async remove(name: string): Promise<void> {
		await attempt(this.path(name), 'removed', rm(this.path(name), { force: true }));
	}

	async list(): Promise<string[]> {
		const names = await this.#names();
		return names
			.filter((name) => name.endsWith(EXTENSION) && !name.startsWith('.'))
			.map((name) => name.slice(0, -EXTENSION.length));
	}

	async sweep(): Promise<void> {
		for (const name of await this.#names())
			if (TEMPORARY.test(name)) await rm(join(this.folder, name), { force: true });
	}

	async #names(): Promise<string[]> {
		try {
			return (await readdir(this.folder)).sort();
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
			throw storage(this.folder, 'listed', error);
		}
	}
}

async function attempt<T>(path: string, verb: string, operation: Promise<T>): Promise<T> {
	try {
		return await operation;
	} catch (error) {
		throw storage(path, verb, error);
	}
}

function storage(path: string, verb: string, cause: unknown): VecinoError {
	const { message } = cause as Error;
	return new VecinoError('storage', `${path} cannot be ${verb}: ${message}`, { cause });
}
