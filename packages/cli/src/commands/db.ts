/**
 * vecino db: collections, from the command line. One file per command.
 */

import type { Command } from 'commander';
import { registerDbAdd, registerDbImport } from './db-add.ts';
import { registerDbDelete } from './db-delete.ts';
import { registerDbExport } from './db-export.ts';
import { registerDbGet } from './db-get.ts';
import { registerDbInit } from './db-init.ts';
import { registerDbOptimize } from './db-optimize.ts';
import { registerDbQuery } from './db-query.ts';
import { registerDbRestore, registerDbSnapshot } from './db-snapshot.ts';
import { registerDbStats } from './db-stats.ts';
import { registerDbVerify } from './db-verify.ts';

const HELP = `
A collection is a folder: rows with an id, a vector, a text and metadata, durable,
with an index that grows with them.

Start with:
  vecino db init news --embedder offline --schema genre:string,year:integer
  vecino db add news headlines.jsonl
  vecino db query news "who won the marathon" --where '{"genre":"Sports"}'

Ids: 12 is the integer, '"12"' with its quotes the text.`;

export function registerDb(program: Command): void {
	const db = program
		.command('db')
		.description('collections: put rows in, find them by vector, text and metadata')
		.addHelpText('after', HELP);
	registerDbInit(db);
	registerDbAdd(db);
	registerDbImport(db);
	registerDbQuery(db);
	registerDbGet(db);
	registerDbDelete(db);
	registerDbExport(db);
	registerDbStats(db);
	registerDbOptimize(db);
	registerDbVerify(db);
	registerDbSnapshot(db);
	registerDbRestore(db);
}
