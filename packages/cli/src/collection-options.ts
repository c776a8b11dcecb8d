/**
 * Options of the commands on collections, and how rows are shown. Nothing here loads @vecino/db, which takes a while: commands
 * do when they run.
 */

import { existsSync, readFileSync } from 'node:fs';
import type { FieldType, Id, Metadata, Schema } from '@vecino/db';
import { InvalidArgumentError, Option } from 'commander';

/** Options of every command that may need vectors of texts. */
export interface EmbedderOptions {
	readonly embedder?: string;
	readonly embedderUrl?: string;
}

const FIELD_TYPES: readonly FieldType[] = [
	'string',
	'number',
	'integer',
	'boolean',
	'datetime',
	'string[]',
	'number[]',
	'json',
];

export function embedderOptions(): [Option, Option] {
	return [
		new Option(
			'--embedder <which>',
			'what makes vectors of texts: offline, openai:model, ollama:model, gemini:model (default: as recorded)',
		),
		new Option('--embedder-url <url>', 'base URL of a server that speaks the protocol of the embedder'),
	];
}

/** JSON, or a file of it: @filter.json */
export function whereOption(what = 'only rows with such metadata'): Option {
	return new Option('--where <json>', `${what}: '{"genre":"Sports","year":{"$gte":2020}}', or @file`).argParser(
		readWhere,
	);
}

/** The value of --where. */
export function readWhere(text: string): object {
	const json = text.startsWith('@') ? readText(text.slice(1)) : text;
	let value: unknown;
	try {
		value = JSON.parse(json);
	} catch (error) {
		throw new InvalidArgumentError(`No JSON: ${(error as Error).message}. Quote it: --where '{"genre":"Sports"}'`);
	}
	if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
	throw new InvalidArgumentError(`It must be a JSON object, such as '{"genre":"Sports"}'.`);
}

function readText(path: string): string {
	if (!existsSync(path)) throw new InvalidArgumentError(`There is no file ${path}.`);
	return readFileSync(path, 'utf8');
}

/** 'genre:string,year:integer', or JSON. */
export function readSchema(text: string): Schema {
	if (text.trimStart().startsWith('{') || text.startsWith('@')) return readWhere(text) as Schema;
	const fields = text.split(',').map((part): [string, FieldType] => {
		const [, name, type] = /^\s*(.+?)\s*:\s*(\S+?)\s*$/.exec(part) ?? [];
		if (name === undefined || !FIELD_TYPES.includes(type as FieldType)) {
			const types = FIELD_TYPES.join(', ');
			throw new InvalidArgumentError(`'${part.trim()}' is no field; write name:type, with a type of ${types}.`);
		}
		return [name, type as FieldType];
	});
	return Object.fromEntries(fields);
}

/** An id as it is to be typed. */
export function showId(id: Id): string {
	return typeof id === 'number' || !/^(-?\d+|".*")$/s.test(id) ? String(id) : JSON.stringify(id);
}

/** Metadata in one line. */
export function showMetadata(metadata: Metadata, longest: number): string {
	const text = Object.entries(metadata)
		.map(([key, value]) => `${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`)
		.join(', ')
		.replace(/\s+/g, ' ');
	return cut(text, longest);
}

/** The first characters of a text, in one line. */
export function cut(text: string, longest: number): string {
	const line = text.replace(/\s+/g, ' ');
	return line.length > longest ? `${line.slice(0, longest - 3)}...` : line;
}
