/** Colours of the pictures, as the style sheet has them in the light or the dark. */

export interface Theme {
	readonly ink: string;
	readonly soft: string;
	readonly line: string;
	readonly ground: string;
	readonly accent: string;
	readonly good: string;
	readonly bad: string;
	readonly dark: boolean;
}

export function readTheme(): Theme {
	const style = getComputedStyle(document.documentElement);
	const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
	return {
		ink: read('ink'),
		soft: read('soft'),
		line: read('line'),
		ground: read('ground'),
		accent: read('accent'),
		good: read('good'),
		bad: read('bad'),
		dark: matchMedia('(prefers-color-scheme: dark)').matches,
	};
}

/** Colour of a cell: hues far apart for numbers close by (golden angle). */
export function cellColour(cell: number, { dark }: Pick<Theme, 'dark'>, alpha = 1): string {
	const hue = (cell * 137.508) % 360;
	return `hsl(${hue.toFixed(1)} ${dark ? 55 : 60}% ${dark ? 62 : 45}% / ${alpha})`;
}

/** Size of a canvas in device pixels; returns its context, scaled to CSS pixels and cleared. */
export function prepareCanvas(canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D {
	const ratio = Math.min(3, globalThis.devicePixelRatio || 1);
	const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
	if (canvas.width !== w) canvas.width = w;
	if (canvas.height !== h) canvas.height = h;
	const context = canvas.getContext('2d')!;
	context.setTransform(ratio, 0, 0, ratio, 0, 0);
	context.clearRect(0, 0, width, height);
	return context;
}
