/**
 * vecino info: what is in an index file or a vector file.
 */

import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Command } from 'commander';
import { inspectIndexFile, loadFaissIndex, loadIndex, openVectors } from 'vecino/node';
import { addCommand, type Context, withContext } from '../context.ts';
import { fileRows } from '../data.ts';
import { describe, renderIndex } from '../describe.ts';
import { indexFormatOf } from '../index-files.ts';
import { bytes, count, facts, percent, table } from '../output.ts';
import { surveyVectors, type VectorSurvey } from '../survey.ts';

const HELP = `
An index is loaded and its checksums verified. A vector file is read once:
lengths, range, zero vectors and rows that repeat an earlier one.

An index file of FAISS is described as what it becomes here.

Examples:
  vecino info sift.vecino
  vecino info sift.faiss
  vecino info embeddings.npy`;

export function registerInfo(program: Command): void {
	addCommand(program, 'info <file>', 'describe an index file or a vector file')
		.addHelpText('after', HELP)
		.action(withContext(run));
}

async function run(context: Context, path: string): Promise<object> {
	const format = await indexFormatOf(path);
	if (format === 'faiss') return faissInfo(context, path);
	return format === 'vecino' ? indexInfo(context, path) : vectorInfo(context, path);
}

async function faissInfo(context: Context, path: string): Promise<object> {
	using index = await loadFaissIndex(path, context.run);
	const report = describe(index);
	const fileBytes = await sizeOf(path);
	context.say(`${basename(path)}: FAISS index, ${bytes(fileBytes)}; here it is\n`);
	context.say(renderIndex(report));
	return { command: 'info', kind: 'faiss', fileBytes, index: report };
}

async function indexInfo(context: Context, path: string): Promise<object> {
	const { sections, version, byteLength } = await inspectIndexFile(path);
	using index = await loadIndex(path, context.run);
	const report = describe(index);
	context.say(`${basename(path)}: vecino index, ${bytes(byteLength)}, format version ${version}, checksums right\n`);
	context.say(renderIndex(report));
	context.say();
	const rows = sections.map(({ name, offset, byteLength: size }) => [name, count(offset), count(size)]);
	context.say(table(['section', 'at byte', 'bytes'], rows));
	return { command: 'info', kind: 'index', version, fileBytes: byteLength, index: report, sections };
}

async function vectorInfo(context: Context, path: string): Promise<object> {
	const file = await openVectors(path, { signal: context.signal });
	try {
		const { format, dtype, fortranOrder } = file.info;
		const fileBytes = await sizeOf(path);
		const survey = await surveyVectors(context, fileRows(file, context.signal));
		const order = fortranOrder ? ', column by column' : '';
		context.say(
			`${basename(path)}: ${count(file.n)} vectors of dimension ${file.d}, .${format} of ${dtype}${order}, ${bytes(fileBytes)}`,
		);
		if (survey !== undefined) context.say(`\n${renderSurvey(survey, file.n)}`);
		const shape = { n: file.n, d: file.d, format, dtype, fortranOrder, fileBytes };
		return { command: 'info', kind: 'vectors', ...shape, float32Bytes: file.n * file.d * 4, ...survey };
	} finally {
		await file.close();
	}
}

async function sizeOf(path: string): Promise<number> {
	const handle = await open(path);
	try {
		return (await handle.stat()).size;
	} finally {
		await handle.close();
	}
}

function renderSurvey(survey: VectorSurvey, n: number): string {
	const { norms, values, zeroVectors, duplicates, normalized } = survey;
	const show = (value: number): string => Number(value.toPrecision(5)).toString();
	const lengths = `min ${show(norms.min)}, mean ${show(norms.mean)}, max ${show(norms.max)}`;
	const of = (rows: number): string => (rows === 0 ? 'none' : `${count(rows)} (${percent(rows / n)})`);
	return facts([
		['lengths', `${lengths}${normalized ? ': normalised, so l2, ip and cosine rank alike' : ''}`],
		['values', `${show(values.min)} to ${show(values.max)}`],
		['zero vectors', of(zeroVectors)],
		['repeated rows', of(duplicates)],
	]);
}
