/** The width of an element as the page lays it out, and whether the colours are dark: what pictures are redrawn for. */

import { useEffect, useState } from 'preact/hooks';

export function useWidth(element: { readonly current: HTMLElement | null }): number {
	const [width, setWidth] = useState(0);
	useEffect(() => {
		const target = element.current;
		if (target === null) return;
		const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry!.contentRect.width)));
		observer.observe(target);
		return () => observer.disconnect();
	}, [element]);
	return width;
}

export function useDark(): boolean {
	const [dark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
	useEffect(() => {
		const query = matchMedia('(prefers-color-scheme: dark)');
		const onChange = (): void => setDark(query.matches);
		query.addEventListener('change', onChange);
		return () => query.removeEventListener('change', onChange);
	}, []);
	return dark;
}
