/**
 * Collections on the command line: opening them with the right embedder, and finding rows by ids that are typed.
 */

import { existsSync } from 'node:fs';
import {
	type Collection,
	type CollectionInfo,
	type Embedder,
	type Id,
	inspectCollection,
	type OpenOptions,
	offlineEmbedder,
	open,
} from '@vecino/db';
import { isVecinoError } from 'vecino';
import type { EmbedderOptions } from './collection-options.ts';
import { Failure, UsageError } from './errors.ts';

/** The embedder that an option names, or that a collection records. Keys come from the environment. */
export function makeEmbedder(
	which: string,
	{ embedderUrl: baseUrl, dimension }: EmbedderOptions & { dimension?: number | undefined } = {},
): Embedder {
	const [kind = ''] = which.split(/[:/]/);
	const model = which.slice(kind.length + 1);
	if (kind === 'offline') return offlineEmbedder(dimension === undefined ? {} : { dimension });
	void baseUrl;
	void model;
	throw new UsageError(`--embedder ${which}: expected offline, openai:model, ollama:model or gemini:model`);
}

/** What is at a path; a Failure that says how to make one where there is nothing. */
export function inspect(path: string): CollectionInfo {
	try {
		return inspectCollection(path);
	} catch (error) {
		if (!isVecinoError(error, 'storage') || existsSync(path)) throw error;
		throw new Failure(`there is no collection at ${path}; vecino db init ${path} makes one`);
	}
}

/** Opens a collection that is there. @param texts - Whether vectors of texts may be needed. */
export async function openCollection(
	path: string,
	options: EmbedderOptions & { readonly readOnly?: boolean; readonly texts?: boolean },
): Promise<Collection> {
	const { model } = inspect(path);
	const which = options.embedder ?? (options.texts === true ? model : undefined);
	const given: OpenOptions = {
		create: false,
		...(options.readOnly === true && { readOnly: true }),
		...(which !== undefined && { embedder: embedderFor(which, model, options) }),
	};
	return (await open(path, given)) as Collection;
}

function embedderFor(which: string, model: string | undefined, options: EmbedderOptions): Embedder {
	// A recorded model of a program of one's own is none that we could make.
	if (options.embedder === undefined && model !== undefined && !/^(offline|openai|ollama|google)\//.test(model)) {
		throw new UsageError(
			`its texts were embedded with ${model}; say how to ask for it with --embedder and --embedder-url`,
		);
	}
	return makeEmbedder(which, options);
}

/**
 * An id of a command line: 12 is the integer where there is such a row, else the text; "12" with its quotes is the text.
 */
export async function findId(collection: Pick<Collection, 'has'>, text: string): Promise<Id> {
	if (/^".*"$/s.test(text)) {
		try {
			return String(JSON.parse(text));
		} catch {
			return text;
		}
	}
	const number = Number(text);
	if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(number)) return text;
	if (await collection.has(number)) return number;
	return (await collection.has(text)) ? text : number;
}
