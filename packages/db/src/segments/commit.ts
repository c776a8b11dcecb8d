/** Commits changes of the manifest between the transactions of others. */

import type { ManifestChange } from './contract.ts';
import type { State } from './state.ts';

/** Waits until nothing else is being written, and commits in the tick in which that is so. */
export async function commitWhenFree(state: State, change: () => ManifestChange): Promise<void> {
	for (let busy = state.rows.busy?.(); busy !== undefined; busy = state.rows.busy?.()) await busy;
	state.checkOpen();
	state.rows.commit(change());
}
