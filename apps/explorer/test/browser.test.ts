/**
 * The built page in a real Chromium, hosted in a subfolder: every control is used, results are those of the same engine in
 * Node, and the console stays empty. Screenshots go to a temporary folder, whose path is printed with VECINO_SHOTS=1.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import {
	defaultEngine,
	encodeNpy,
	exactNeighbors,
	explain,
	indexFactory,
	kmeans,
	recallAtK,
	type VectorSet,
	writeFaissIndex,
	writeIndex,
} from 'vecino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { firstPlace } from '../src/compute/first-place.ts';
import { Random } from '../src/compute/random.ts';
import { makeSet } from '../src/compute/sets.ts';
import { K_FACTOR_STEPS, K_STEPS, mSteps, NBITS_STEPS, nlistSteps, nprobeSteps } from '../src/compute/settings.ts';
import { type DataInfo, type QueryPlace, TRAIN_OPTIONS } from '../src/protocol.ts';
import { Session } from '../src/session/session.ts';
import { findChromium, Stage } from './support/browser.ts';

const chromium = findChromium();
const keep = process.env['VECINO_SHOTS'] !== undefined;
const shots = mkdtempSync(join(tmpdir(), 'vecino-explorer-'));
if (chromium === undefined) console.log('browser tests skipped: no Chromium found; VECINO_CHROMIUM may name one');
else if (keep) console.log(`screenshots: ${shots}`);

const K = 10;
let stage: Stage;
let page: Page;

beforeAll(async () => {
	if (chromium === undefined) return;
	stage = await Stage.open(chromium);
	page = await stage.page();
}, 60_000);
afterAll(async () => {
	await stage?.[Symbol.asyncDispose]();
	if (!keep) rmSync(shots, { recursive: true, force: true });
});
afterEach(() => {
	if (stage !== undefined) expect(stage.complaints.splice(0)).toEqual([]);
});

/** The same data, index and query in Node. */
const session = new Session(defaultEngine());

const tab = (name: string): Promise<void> => page.getByRole('tab', { name }).click();
const slider = (name: string) => page.getByRole('slider', { name: new RegExp(`^${name}(?![A-Za-z])`) });

/** Moves a slider with the keyboard until it reads `value`. */
async function slide(name: string, value: string): Promise<void> {
	const control = slider(name);
	await control.focus();
	await page.keyboard.press('Home');
	for (let i = 0; i < 60; i++) {
		if ((await control.getAttribute('aria-valuetext')) === value) return;
		await page.keyboard.press('ArrowRight');
	}
	throw new Error(`${name} has no ${value}`);
}

/** Puts a slider where `steps` has `value`, at once. */
async function set(name: string, steps: readonly number[], value: number): Promise<void> {
	await slider(name).fill(String(steps.indexOf(value)));
}

/** Waits until the index of the page is `spec` and nothing is under way. */
async function built(spec: string): Promise<void> {
	await page.locator('.facts code', { hasText: new RegExp(`^${spec.replaceAll('+', '\\+')}$`) }).waitFor();
	await page.locator('.busy:empty').waitFor({ state: 'attached' });
}

/** Labels of the result table: true neighbours, then what was returned instead. */
function rows(): Promise<string[][]> {
	return page
		.locator('.neighbours tbody tr')
		.evaluateAll((found) =>
			found.map((row) => [...row.querySelectorAll('td')].slice(0, 3).map((cell) => cell.textContent!.trim())),
		);
}

async function expectedRows(place: QueryPlace, nprobe: number, kFactor = 0): Promise<string[][]> {
	const looked = await session.handlers.look({ ...place, k: K, nprobe, kFactor }, {});
	return looked.neighbours.map(({ label, trueRank, position }) => [
		trueRank === 0 ? '–' : String(trueRank),
		String(label),
		trueRank === 0 ? `returned at ${position}` : position > 0 ? `found at ${position}` : 'missed',
	]);
}

async function drop(name: string, bytes: Uint8Array): Promise<void> {
	const file = await page.evaluateHandle(
		([text, name]) => {
			const transfer = new DataTransfer();
			transfer.items.add(new File([Uint8Array.from(atob(text!), (c) => c.charCodeAt(0))], name!));
			return transfer;
		},
		[Buffer.from(bytes).toString('base64'), name],
	);
	await page.dispatchEvent('main', 'dragover', { dataTransfer: file });
	await page.locator('.drop').waitFor();
	await page.dispatchEvent('main', 'drop', { dataTransfer: file });
}

describe.skipIf(chromium === undefined)('the page', () => {
	let info: DataInfo;
	let start: QueryPlace;

	beforeAll(async () => {
		info = await session.handlers.make({ set: 'plane' }, {});
		await session.handlers.build({ nlist: 64, m: 0, nbits: 8 }, {});
		start = firstPlace(info);
	});

	it('finds what Node finds, for each nprobe', async () => {
		await built('IVF64,Flat');
		for (const nprobe of [1, 2, 64]) {
			await slide('nprobe', `${nprobe} of 64`);
			const want = await expectedRows(start, nprobe);
			await expect.poll(rows).toEqual(want);
		}
		await expect
			.poll(() => page.locator('.result').textContent())
			.toMatch(/^10 of the 10 nearest found\. 10,000 codes/);
	});

	it('moves the query with keys and by dragging, and explains what it misses', async () => {
		await slide('nprobe', '1 of 64');
		const map = page.getByRole('application');
		await map.focus();
		const before = await rows();
		for (let i = 0; i < 4; i++) await page.keyboard.press('Shift+ArrowLeft');
		await expect.poll(rows).not.toEqual(before);
		const box = (await map.boundingBox())!;
		await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
		await page.mouse.down();
		// From cell to cell, until something is missed.
		for (let i = 0; i < 60 && !(await rows()).some(([, , result]) => result === 'missed'); i++) {
			await page.mouse.move(box.x + box.width / 2 - 3 * i, box.y + box.height / 2 + 2 * i);
			await page.waitForTimeout(30);
		}
		await page.mouse.up();
		await expect
			.poll(() => page.locator('.why').textContent())
			.toMatch(
				/^Label \d+ was missed: its cell \d+ is the \w+ nearest of 64, and 1 was opened\. nprobe \d+ finds it\.$/,
			);
		const found = page.locator('.neighbours tr', { hasText: 'found at' }).getByRole('button').first();
		await found.focus();
		await expect.poll(() => page.locator('.why').textContent()).toMatch(/^Label \d+ was found in cell/);
		await page.getByRole('button', { name: 'Another query' }).click();
		await slide('nprobe', '4 of 64');
	});

	it('goes from tab to tab with the arrow keys', async () => {
		await page.getByRole('tab', { name: 'Cells' }).focus();
		for (const name of ['Codes', 'k-means', 'Trade-offs', 'Headlines', 'Cells']) {
			await page.keyboard.press('ArrowRight');
			expect(await page.getByRole('tab', { name }).getAttribute('aria-selected')).toBe('true');
			expect(await page.locator('#panel').getAttribute('aria-labelledby')).toBe(
				await page.getByRole('tab', { name }).getAttribute('id'),
			);
		}
	});

	it('quantizes twelve numbers step by step', async () => {
		await tab('Codes');
		const next = page.getByRole('button', { name: 'Next' });
		for (let i = 0; i < 3; i++) await next.click();
		expect(await page.locator('.say').textContent()).toMatch(
			/^The code is the ids of the nearest: 1, 1, 2, 3\. 4 ids of 2 bits/,
		);
		await page.getByLabel('Number 1', { exact: true }).fill('9');
		await expect.poll(() => page.locator('.say').textContent()).toMatch(/nearest: 3, 1, 2, 3/);
		await page.getByLabel('Number 1', { exact: true }).fill('2');
		await next.click();
		await next.click();
		await page.getByText('Distance by the code: 1 + 2 + 2 + 2 = 7').waitFor();
		await page.getByRole('button', { name: 'Back' }).click();
		await page.getByRole('button', { name: 'From the start' }).click();
		expect(await page.locator('.book').count()).toBe(0);
	});

	it('paints digits by numbers', async () => {
		await page.getByRole('button', { name: 'Look at digits' }).click();
		await built('IVF64,Flat');
		await session.handlers.make({ set: 'digits' }, {});
		const shown = () => page.locator('section[aria-label="A vector of the data"]');
		for (const [m, nbits] of [
			[16, 6],
			[8, 4],
		] as const) {
			await set('m', mSteps(64), m);
			await set('nbits', NBITS_STEPS, nbits);
			const view = await session.handlers.codes({ m, nbits, row: 0, queryRow: 1 }, {});
			const cells = shown().locator('tbody tr td:nth-child(2)');
			await expect.poll(() => cells.allTextContents()).toEqual(Array.from(view.ids, String));
		}
		const before = await shown().locator('.result').textContent();
		await page.getByRole('button', { name: 'Another vector' }).click();
		await expect.poll(() => shown().locator('.result').textContent()).not.toBe(before);
		await page.getByRole('button', { name: 'Another query' }).click();
		await page.getByText('The same as a table').click();
	});

	it('shows k-means iteration by iteration', async () => {
		await tab('k-means');
		const { frames } = await session.handlers.cluster({ k: 16, niter: 25, seed: 1, init: 'random' }, {});
		const assigned = page.locator('.bars tbody tr');
		await expect.poll(() => assigned.count()).toBe(frames.length);
		const result = page.locator('.side .result');
		await page.getByRole('button', { name: 'Step' }).click();
		await expect.poll(() => result.textContent()).toContain(`${frames[1]!.moved.toLocaleString('en-US')} vector`);
		await page.getByRole('button', { name: 'Show iteration 3' }).click();
		await expect.poll(() => result.textContent()).toMatch(/^After 3 iterations/);
		await page.getByRole('button', { name: 'Back' }).click();
		await expect.poll(() => result.textContent()).toMatch(/^After 2 iterations/);
		await page.getByRole('button', { name: 'Play' }).click();
		await expect.poll(() => result.textContent(), { timeout: 5000 }).toMatch(/^After 4 iterations/);
		await page.getByRole('button', { name: 'Pause' }).click();
		await page.getByRole('button', { name: 'Reset' }).click();
		await expect.poll(() => result.textContent()).toMatch(/^Start/);
		await page.getByLabel('k-means++').check();
		await set('centroids', nlistSteps(10_000), 8);
		await slide('seed', '3');
		const rows = session.data!.x.take(new Random(4).sample(session.data!.x.n, 3000));
		const options = { niter: 0, seed: 3, init: 'kmeans++', tolerance: 0, maxPointsPerCentroid: rows.n } as const;
		const first = kmeans(rows, 8, options).objective;
		await expect.poll(() => result.textContent()).toContain(`objective ${Math.round(first).toLocaleString('en-US')}`);
	});

	it('measures settings as sliders move', async () => {
		await tab('Trade-offs');
		const tiles = page.locator('.tiles');
		const recall = async (): Promise<number> => Number(await tiles.locator('b').first().textContent());
		await page.getByLabel('product quantizer (PQ)').check();
		// Built again and again as sliders move; only the last one counts.
		await set('nlist', nlistSteps(10_000), 32);
		await set('m', mSteps(64), 8);
		await set('nbits', NBITS_STEPS, 5);
		await built('IVF32,PQ8x5');
		await session.handlers.build({ nlist: 32, m: 8, nbits: 5 }, {});
		for (const [nprobe, kFactor] of [
			[4, 0],
			[32, 8],
		] as const) {
			await set('nprobe', nprobeSteps(32), nprobe);
			await set('kFactor', K_FACTOR_STEPS, kFactor);
			const want = await session.handlers.measure({ k: K, nprobe, kFactor }, {});
			await expect.poll(recall).toBe(Number(want.recall.toFixed(3)));
			const facts = await tiles.locator('b').allTextContents();
			expect(facts[1]).toBe(String(Number(want.bytesPerVector.toPrecision(3))));
			expect(facts[3]).toContain(`${want.scanned === 1 ? 100 : ''}`);
		}
		await page.getByRole('button', { name: 'Try every nprobe' }).click();
		const tried = page.locator('section[aria-label="Settings tried"] tbody tr');
		await expect.poll(async () => (await tried.count()) >= 7).toBe(true);
		await page.getByRole('button', { name: 'Try every nprobe' }).waitFor();
		await page.getByLabel('time per query').check();
		await slider('k').fill(String(K_STEPS.indexOf(5)));
		await tiles.getByText('recall@5').waitFor();
		const five = await session.handlers.measure({ k: 5, nprobe: 32, kFactor: 8 }, {});
		await expect.poll(recall).toBe(Number(five.recall.toFixed(3)));
		await slider('k').fill(String(K_STEPS.indexOf(K)));
		await tiles.getByText('recall@10').waitFor();
		await page.locator('.chart canvas').waitFor();
		await page.screenshot({ path: join(shots, 'trade-offs.png'), fullPage: true });
		await page.getByText('The same in Node').click();
		expect(await page.locator('pre').textContent()).toContain("'IVF32,PQ8x5,Refine(Flat)'");
		await page.getByRole('button', { name: 'Forget them' }).click();
		expect(await tried.count()).toBe(0);
		await page.getByLabel('whole vectors (Flat)').check();
		await built('IVF32,Flat');
	});

	it('searches headlines by text, misspelt ones too', async () => {
		await tab('Headlines');
		const info = await session.handlers.openTexts({}, {});
		for (const [text, nprobe] of [
			['marathon winner', 2],
			['marathn runers', 8],
		] as const) {
			await page.getByRole('searchbox').fill(text);
			await set('nprobe', [1, 2, 3, 4, 5, 6, 7, 8], nprobe);
			const { found, truth } = await session.handlers.searchTexts({ text, k: K, nprobe }, {});
			expect(info.headlines[found[0]!.label]!.headline).toMatch(/marathon/i);
			const want = found.map(({ label }) => info.headlines[label]!.headline);
			const lines = page.locator('ol.headlines li');
			const shown = async (): Promise<string[]> =>
				(await lines.allTextContents()).map((line) => want.find((one) => line.startsWith(one)) ?? line);
			await expect.poll(shown).toEqual(want);
			const given = new Set(found.map(({ label }) => label));
			const missed = truth.filter(({ label }) => !given.has(label)).length;
			await expect.poll(() => page.locator('ul.headlines li').count()).toBe(missed);
			if (nprobe === 8) expect(missed).toBe(0);
		}
		await page.getByRole('button', { name: 'interest rates' }).click();
		await expect.poll(() => page.locator('ol.headlines li').first().textContent()).toMatch(/interest|rate/i);
	});

	it('opens a file that is dropped, and finds in it what Node finds', async () => {
		await tab('Cells');
		const x = makeSet('digits').slice(2000, 5000);
		await drop('some.npy', encodeNpy(x.data, x.d));
		await built('IVF32,Flat');
		expect(await page.locator('.facts').textContent()).toContain('3,000 vectors of 64 numbers');
		const own = await session.handlers.open({ file: new Blob([encodeNpy(x.data, x.d)]), name: 'some.npy' }, {});
		const place = firstPlace(own);
		await slide('nprobe', '2 of 32');
		await checkResults(x, place.row, 'IVF32,Flat', 2);
	});

	it.each([
		['.vecino', writeIndex],
		['FAISS', writeFaissIndex],
	])('opens an index of the kind %s', async (kind, write) => {
		const x = makeSet('plane').slice(0, 2000);
		using index = indexFactory(2, 'IVF16,Flat').train(x).add(x);
		await drop(`plane${kind}`, write(index));
		await page.getByText('The file holds an index (IndexIVFFlat), shown as it is.').waitFor();
		await slide('nprobe', '3 of 16');
		const own = await session.handlers.open(
			{ file: new Blob([write(index) as Uint8Array<ArrayBuffer>]), name: 'x' },
			{},
		);
		await expect.poll(rows).toEqual(await expectedRows(firstPlace(own), 3));
		await tab('Trade-offs');
		await page.getByText('nlist, m and nbits are those of the index in the file: IVF16,Flat.').waitFor();
		await tab('Cells');
	});

	it('refuses a broken file in words, and goes on', async () => {
		await page.locator('.neighbours tbody tr').first().waitFor();
		const before = await rows();
		const bytes = encodeNpy(
			Float32Array.from({ length: 4000 }, (_, i) => i % 13),
			4,
		);
		await drop('broken.npy', bytes.subarray(0, 3000));
		await expect.poll(() => page.getByRole('alert').textContent()).toMatch(/^broken\.npy: .*bytes/);
		expect(await rows()).toEqual(before);
		await page.screenshot({ path: join(shots, 'refused.png') });
		await page.locator('input[type=file]').setInputFiles({
			name: 'fine.npy',
			mimeType: 'application/octet-stream',
			buffer: Buffer.from(bytes),
		});
		await expect.poll(() => page.locator('.facts').textContent()).toContain('1,000 vectors of 4 numbers');
		await expect.poll(() => page.getByRole('alert').textContent()).toBe('');
	});

	it('reads a file that its address names', async () => {
		// Any file of the server will do; this one is not a file of vectors.
		const problem = page.getByRole('alert');
		await page.goto(`${stage.url}?open=index.html`);
		await expect.poll(() => problem.textContent()).toMatch(/^index\.html: an HTML or XML page/);
	});

	it.each([
		['light', 1100, 900, 'light'],
		['dark', 1100, 900, 'dark'],
		['phone', 360, 740, 'light'],
	] as const)('fits %s', async (name, width, height, colorScheme) => {
		const own = await stage.page({ viewport: { width, height }, colorScheme, isMobile: name === 'phone' });
		if (keep) {
			await own.locator('.data select').selectOption('digits');
			await own.getByText('small pictures of digits', { exact: false }).waitFor();
		}
		for (const title of ['Cells', 'Codes', 'k-means', 'Trade-offs', 'Headlines']) {
			await own.getByRole('tab', { name: title }).click();
			await own.locator('.busy:empty').waitFor({ state: 'attached' });
			await own.locator('#panel .result, #panel .tiles').first().waitFor();
			const wide = await own.evaluate(() => document.documentElement.scrollWidth);
			expect(wide, `${title}: no sideways scrolling`).toBeLessThanOrEqual(width);
			// All of every page only where it is kept: without a graphics card that takes seconds.
			const path = join(shots, `${name}-${title}.png`);
			if (keep) await own.waitForTimeout(600);
			if (keep || title === 'Codes') await own.screenshot({ path, fullPage: keep });
		}
		await own.context().close();
	});
});

/** The rows of the page against an index made by hand. */
async function checkResults(x: VectorSet, row: number, spec: string, nprobe: number): Promise<void> {
	using index = indexFactory(x.d, spec).train(x, TRAIN_OPTIONS).add(x);
	const query = x.row(row);
	const want = index.search(query, K, { nprobe });
	const truth = exactNeighbors(x, query, K);
	await expect
		.poll(async () => (await rows()).filter(([rank]) => rank !== '–').map(([, label]) => Number(label)))
		.toEqual([...truth.labels]);
	const found = (await rows()).filter(([, , result]) => result!.includes(' at '));
	expect(found.map(([, label]) => Number(label)).sort()).toEqual([...want.labels].sort());
	const recall = Math.round(K * recallAtK(want, truth, K));
	expect(await page.locator('.result').textContent()).toContain(`${recall} of the ${K} nearest found`);
	const chosen = Number(await page.locator('.neighbours tr.chosen button').textContent());
	const { text } = explain(index, query, chosen, { k: K, nprobe, vectors: x });
	await expect.poll(() => page.locator('.why').textContent()).toBe(text);
}
