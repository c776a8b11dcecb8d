/** The page: what is open above, tabs below, and a line that says what is going on. */

import { useState } from 'preact/hooks';
import { CellsTab } from './cells-tab.tsx';
import { CodesTab } from './codes-tab.tsx';
import { DataBar } from './data-bar.tsx';
import { HeadlinesTab } from './headlines-tab.tsx';
import { KMeansTab } from './kmeans-tab.tsx';
import { type TabItem, Tabs } from './tabs.tsx';
import { TradeTab } from './trade-tab.tsx';
import { useExplorer } from './use-explorer.ts';

type TabId = 'cells' | 'codes' | 'kmeans' | 'trade' | 'headlines';

const TABS: readonly TabItem<TabId>[] = [
	{ id: 'cells', title: 'Cells' },
	{ id: 'codes', title: 'Codes' },
	{ id: 'kmeans', title: 'k-means' },
	{ id: 'trade', title: 'Trade-offs' },
	{ id: 'headlines', title: 'Headlines' },
];

export function App() {
	const explorer = useExplorer();
	const [open, setOpen] = useState<TabId>('cells');
	const { busy, problem } = explorer;
	return (
		<>
			<header>
				<h1>vecino explorer</h1>
				<p>Vector search with cells and codes. The engine runs in this page; nothing is sent anywhere.</p>
			</header>
			<main>
				<DataBar explorer={explorer} />
				<p class="problem" role="alert">
					{problem}
				</p>
				<Tabs items={TABS} open={open} onOpen={setOpen} />
				<p class="busy" role="status" aria-live="polite">
					{busy === undefined ? '' : `${busy} …`}
				</p>
				<div id="panel" role="tabpanel" aria-labelledby={`tab-${open}`}>
					{open === 'cells' && <CellsTab explorer={explorer} />}
					{open === 'codes' && <CodesTab explorer={explorer} />}
					{open === 'kmeans' && <KMeansTab explorer={explorer} />}
					{open === 'trade' && <TradeTab explorer={explorer} />}
					{open === 'headlines' && <HeadlinesTab explorer={explorer} />}
				</div>
			</main>
		</>
	);
}
