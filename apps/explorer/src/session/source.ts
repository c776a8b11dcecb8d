/** Where a file's bytes come from: a File or Blob, or ranged requests to the server that the page came from. */

import { bytesSource, type RangeSource, VecinoError } from 'vecino';

export function blobSource(blob: Blob): RangeSource {
	return {
		byteLength: blob.size,
		async read(offset, length) {
			return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
		},
	};
}

/** @throws VecinoError 'storage' when there is no such file. A server without ranges is asked for all of it at once. */
export async function urlSource(url: string, signal?: AbortSignal): Promise<RangeSource> {
	const get = (headers: Record<string, string>): Promise<Response> =>
		fetch(url, { headers, cache: 'no-store', ...(signal && { signal }) });
	const first = await get({ range: 'bytes=0-0' });
	const size = Number(/\/(\d+)$/.exec(first.headers.get('content-range') ?? '')?.[1]);
	if (first.status !== 206 || !Number.isSafeInteger(size)) {
		if (!first.ok) throw new VecinoError('storage', `${url}: the server answered ${first.status} ${first.statusText}`);
		return bytesSource(new Uint8Array(await first.arrayBuffer()));
	}
	return {
		byteLength: size,
		async read(offset, length) {
			if (length === 0) return new Uint8Array(0);
			const part = await get({ range: `bytes=${offset}-${offset + length - 1}` });
			if (part.status !== 206) throw new VecinoError('storage', `${url}: the server answered ${part.status}`);
			return new Uint8Array(await part.arrayBuffer());
		},
	};
}
