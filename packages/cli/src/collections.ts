/**
 * Collections on the command line: opening them with the right embedder, and finding rows by ids that are typed.
 */

import { existsSync } from 'node:fs';
import {
	type Collection,
	type CollectionInfo,
	type Embedder,
	geminiEmbedder,
	type Id,
	inspectCollection,
	type OpenOptions,
	offlineEmbedder,
	ollamaEmbedder,
	open,
	openAIEmbedder,
} from '@vecino/db';
import { isVecinoError } from 'vecino';
import type { EmbedderOptions } from './collection-options.ts';
import { Failure, UsageError } from './errors.ts';

/**
 * The embedder that an option names (`openai:model`), or that a collection records (`openai/model`). Keys come from the
 * environment.
 *
 * @param dimension - Of the collection, for models that can be asked for fewer numbers.
 */
export function makeEmbedder(
	which: string,
	{ embedderUrl }: Pick<EmbedderOptions, 'embedderUrl'> = {},
	dimension?: number,
): Embedder {
	const [, kind, model = ''] = /^([a-z]+)[:/]?(.*)$/.exec(which) ?? [];
	const url = embedderUrl === undefined ? {} : { baseUrl: embedderUrl };
	const dimensions = dimension === undefined ? {} : { dimensions: dimension };
	if (kind === 'offline') return makeOffline(dimension);
	if (!['openai', 'ollama', 'gemini', 'google'].includes(kind ?? '')) {
		throw new UsageError(`--embedder ${which}: expected offline, openai:model, ollama:model or gemini:model`);
	}
	if (model === '') throw new UsageError(`--embedder ${which}: name a model, such as ${kind}:${EXAMPLES[kind!]}`);
	if (kind === 'ollama') return ollamaEmbedder({ model, ...url });
	if (kind === 'openai') {
		const apiKey = keyOf('OPENAI_API_KEY', embedderUrl === undefined);
		// Only OpenAI's own newer models are known to take a dimension.
		const asked = embedderUrl === undefined && model.startsWith('text-embedding-3') ? dimensions : {};
		return openAIEmbedder({ model, name: `openai/${model}`, ...apiKey, ...asked, ...url });
	}
	return geminiEmbedder({ model, ...keyOf('GEMINI_API_KEY', embedderUrl === undefined), ...dimensions, ...url });
}

function makeOffline(dimension: number | undefined): Embedder {
	if (dimension === undefined) return offlineEmbedder();
	try {
		return offlineEmbedder({ dimension });
	} catch (error) {
		throw error instanceof RangeError ? new UsageError(`--embedder offline: ${error.message}`) : error;
	}
}

const EXAMPLES: Readonly<Record<string, string>> = {
	openai: 'text-embedding-3-small',
	ollama: 'nomic-embed-text',
	gemini: 'gemini-embedding-001',
	google: 'gemini-embedding-001',
};

function keyOf(name: string, needed: boolean): { readonly apiKey?: string } {
	const apiKey = process.env[name];
	if (apiKey !== undefined && apiKey !== '') return { apiKey };
	if (needed) throw new Failure(`the environment variable ${name} is not set; it has the key of the embedder`);
	return {};
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
	const { model, dimension } = inspect(path);
	const which = options.embedder ?? (options.texts === true ? model : undefined);
	const given: OpenOptions = {
		create: false,
		...(options.readOnly === true && { readOnly: true }),
		...(which !== undefined && { embedder: embedderFor(which, model, options, dimension) }),
	};
	return (await open(path, given)) as Collection;
}

function embedderFor(
	which: string,
	model: string | undefined,
	options: EmbedderOptions,
	dimension: number | undefined,
): Embedder {
	// A recorded model of a program of one's own is none that we could make.
	if (options.embedder === undefined && model !== undefined && !/^(offline|openai|ollama|google)\//.test(model)) {
		throw new UsageError(
			`its texts were embedded with ${model}; say how to ask for it with --embedder and --embedder-url`,
		);
	}
	// Another model than the recorded one is for `open` to refuse, whatever dimensions it has.
	const isRecorded = model === undefined || makeEmbedder(which, options).model === model;
	return makeEmbedder(which, options, isRecorded ? dimension : undefined);
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
