/**
 * One writer per collection. The lock is a transaction that is kept open on a tiny SQLite file of its own: the operating
 * system ends it when the process dies, so no lock is ever left behind. Who holds it is in a text file beside it, for the
 * message only. Two copies of SQLite in one process do not see each other's locks, hence the set of folders as well.
 */

import { readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { VecinoError } from 'vecino';
import type { Database, Driver } from './driver.ts';
import { SQLITE, sqliteCode } from './errors.ts';

/** A lock that is held. */
export interface WriterLock {
	release(): void;
}

interface Owner {
	readonly pid: number;
	readonly host: string;
	/** ISO 8601. */
	readonly since: string;
}

const held = new Set<string>();

/** Takes the lock of a folder, or throws VecinoError 'locked' naming who holds it. */
export function lockFolder(driver: Driver, folder: string): WriterLock {
	const key = realpathSync(folder);
	const ownerFile = join(folder, 'writer.json');
	if (held.has(key)) throw lockedError(folder, ownerFile);
	let db: Database | undefined;
	try {
		db = driver.open(join(folder, 'writer.lock'), { timeoutMs: 0 });
		db.exec('PRAGMA journal_mode = MEMORY');
		db.exec('BEGIN EXCLUSIVE');
	} catch (error) {
		db?.close();
		const code = sqliteCode((error as { cause?: unknown }).cause) ?? 0;
		if ((code & 255) === SQLITE.BUSY) throw lockedError(folder, ownerFile);
		throw error;
	}
	held.add(key);
	const owner: Owner = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
	try {
		writeFileSync(ownerFile, JSON.stringify(owner));
	} catch {
		// Only the message of others needs it.
	}
	return {
		release() {
			if (!held.delete(key)) return;
			rmSync(ownerFile, { force: true });
			db.close();
		},
	};
}

/** Whether a process says that it has a folder open for writing, and, as far as can be seen, has not ended. */
export function hasWriter(folder: string): boolean {
	const owner = readOwner(join(folder, 'writer.json'));
	if (owner === undefined || owner.host !== hostname()) return owner !== undefined;
	try {
		process.kill(owner.pid, 0);
		return true;
	} catch (error) {
		return (error as NodeJS.ErrnoException).code === 'EPERM';
	}
}

function lockedError(folder: string, ownerFile: string): VecinoError {
	const owner = readOwner(ownerFile);
	const who =
		owner === undefined
			? 'another process'
			: owner.pid === process.pid && owner.host === hostname()
				? `this process (${owner.pid}), since ${owner.since}`
				: `process ${owner.pid} on ${owner.host}, since ${owner.since}`;
	return new VecinoError(
		'locked',
		`open: ${folder} is open for writing in ${who}. Close it there, or open it with readOnly: true: readers see every commit of the writer`,
		owner === undefined ? {} : { found: owner.pid },
	);
}

function readOwner(file: string): Owner | undefined {
	try {
		return JSON.parse(readFileSync(file, 'utf8')) as Owner;
	} catch {
		return undefined;
	}
}
