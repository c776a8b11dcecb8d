/** The process that child.ts starts. */

import { open } from '@vecino/db';

const rows = await open(process.argv[2]!, { dimension: 2 });
let next = 0;

async function work(message: string): Promise<void> {
	const [what, value] = message.split(' ');
	if (what === 'add') {
		const entries = Array.from({ length: Number(value) }, () => {
			const id = next++;
			return { id, vector: [id, 1], metadata: { odd: id % 2 === 1 } };
		});
		await rows.add(entries);
	} else if (what === 'delete') await rows.delete(Number(value));
	else if (what === 'update') await rows.update(Number(value), { odd: 'no longer' });
	else if (what === 'close') await rows.close();
}

process.on('message', (message: string) => {
	work(message).then(
		() => process.send!('done'),
		(error: Error) => process.send!(`error: ${error.message}`),
	);
});
process.send!('open');
