/** Tabs, as the ARIA practices describe them: arrow keys move, Home and End jump, only the open one is in the tab order. */

import { useRef } from 'preact/hooks';

export interface TabItem<Id extends string> {
	readonly id: Id;
	readonly title: string;
}

interface TabsProps<Id extends string> {
	readonly items: readonly TabItem<Id>[];
	readonly open: Id;
	readonly onOpen: (id: Id) => void;
}

export function Tabs<Id extends string>({ items, open, onOpen }: TabsProps<Id>) {
	const list = useRef<HTMLDivElement>(null);
	const go = (at: number): void => {
		const next = (at + items.length) % items.length;
		onOpen(items[next]!.id);
		(list.current?.children[next] as HTMLElement | undefined)?.focus();
	};
	const onKey = (event: KeyboardEvent): void => {
		const at = items.findIndex(({ id }) => id === open);
		const target = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: items.length - 1 }[event.key];
		if (target === undefined) return;
		event.preventDefault();
		go(target);
	};
	return (
		<div class="tabs" role="tablist" aria-label="What to look at" ref={list} onKeyDown={onKey}>
			{items.map(({ id, title }) => (
				<button
					key={id}
					type="button"
					role="tab"
					id={`tab-${id}`}
					aria-controls="panel"
					aria-selected={id === open}
					tabIndex={id === open ? 0 : -1}
					onClick={() => onOpen(id)}
				>
					{title}
				</button>
			))}
		</div>
	);
}
