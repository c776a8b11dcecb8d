/** A local server that answers as a test says, and remembers what it was asked. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Asked {
	readonly url: string;
	readonly headers: IncomingHttpHeaders;
	// biome-ignore lint/suspicious/noExplicitAny: JSON of any form
	readonly body: any;
	/** When it came, in milliseconds. */
	readonly at: number;
}

export interface Reply {
	readonly status?: number;
	readonly headers?: Record<string, string>;
	/** An object is sent as JSON, a string as it is. */
	readonly body?: unknown;
	/** Milliseconds before it is sent; Infinity: never. */
	readonly after?: number;
	/** What to wait for before it is sent. */
	readonly until?: Promise<void>;
	/** Breaks the connection instead. */
	readonly destroy?: boolean;
}

export class FakeServer implements AsyncDisposable {
	readonly asked: Asked[] = [];
	readonly url: string;
	/** Most requests that were open at a time. */
	peak = 0;
	readonly #server: ReturnType<typeof createServer>;

	static async start(reply: (asked: Asked, number: number) => Reply): Promise<FakeServer> {
		const asked: Asked[] = [];
		let open = 0;
		const server = createServer(async (request, response) => {
			fake.peak = Math.max(fake.peak, ++open);
			response.on('close', () => open--);
			const chunks: Uint8Array[] = [];
			for await (const chunk of request) chunks.push(chunk);
			const text = Buffer.concat(chunks).toString();
			const one = { url: request.url!, headers: request.headers, body: JSON.parse(text), at: performance.now() };
			asked.push(one);
			await send(response, reply(one, asked.length - 1));
		});
		await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
		const fake = new FakeServer(server, asked);
		return fake;
	}

	private constructor(server: ReturnType<typeof createServer>, asked: Asked[]) {
		this.#server = server;
		this.asked = asked;
		this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#server.closeAllConnections();
		await new Promise((resolve) => this.#server.close(resolve));
	}
}

async function send(response: ServerResponse, reply: Reply): Promise<void> {
	const { status = 200, headers = {}, body = {}, after = 0, until, destroy } = reply;
	if (destroy) {
		response.destroy();
		return;
	}
	if (after === Number.POSITIVE_INFINITY) return;
	await until;
	if (after > 0) await new Promise((resolve) => setTimeout(resolve, after));
	response.writeHead(status, headers);
	response.end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The vector that the fake models give a text: its length, its first character, 0.5. */
export function vectorOf(text: string): number[] {
	return [text.length, text.charCodeAt(0), 0.5];
}

/** An OpenAI-compatible answer. */
export function openAIAnswer(asked: Asked): Reply {
	return openAIAnswerOf(asked, vectorOf);
}

/** The same with vectors of one's own. */
export function openAIAnswerOf({ body }: Asked, vector: (text: string) => number[]): Reply {
	const data = (body.input as string[]).map((text, index) => {
		const numbers = vector(text);
		const base64 = Buffer.from(Float32Array.from(numbers).buffer).toString('base64');
		return { object: 'embedding', index, embedding: body.encoding_format === 'base64' ? base64 : numbers };
	});
	// In any order: the index counts.
	return {
		body: {
			object: 'list',
			data: data.reverse(),
			usage: { prompt_tokens: 3 * data.length, total_tokens: 3 * data.length },
		},
	};
}
