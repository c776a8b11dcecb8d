/** Argument checks: messages name the method, the argument, what was expected and what was given. */

/** Shows a value in a message: short, quoted when it is text. */
export function show(value: unknown): string {
	if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
	if (value === null || value === undefined || typeof value !== 'object') return String(value);
	return Array.isArray(value) ? `an array of ${value.length}` : (value.constructor?.name ?? 'an object');
}

/** An integer in min..max. */
export function checkInt(where: string, name: string, value: unknown, min: number, max: number): number {
	if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be an integer, got ${show(value)}`);
	if (!Number.isInteger(value) || value < min || value > max) {
		throw new RangeError(`${where}: ${name} must be an integer in ${min}..${max}, got ${value}`);
	}
	return value;
}

/** A finite number in min..max. */
export function checkNumber(where: string, name: string, value: unknown, min: number, max: number): number {
	if (typeof value !== 'number') throw new TypeError(`${where}: ${name} must be a number, got ${show(value)}`);
	if (!(value >= min && value <= max))
		throw new RangeError(`${where}: ${name} must be in ${min}..${max}, got ${value}`);
	return value;
}

/** A text with something in it. */
export function checkText(where: string, name: string, value: unknown): string {
	if (typeof value !== 'string' || value === '') {
		throw new TypeError(`${where}: ${name} must be a non-empty string, got ${show(value)}`);
	}
	return value;
}

/** An array of strings. */
export function checkTexts(where: string, texts: unknown): readonly string[] {
	if (!Array.isArray(texts)) throw new TypeError(`${where}: texts must be an array of strings, got ${show(texts)}`);
	const wrong = texts.findIndex((text) => typeof text !== 'string');
	if (wrong >= 0) throw new TypeError(`${where}: texts[${wrong}] must be a string, got ${show(texts[wrong])}`);
	return texts;
}

/** A plain options object without unknown keys, so that a misspelt option is an error and not silence. */
export function checkKeys(where: string, options: unknown, known: readonly string[]): void {
	if (options === undefined) return;
	if (typeof options !== 'object' || options === null || Array.isArray(options)) {
		throw new TypeError(`${where}: options must be an object, got ${show(options)}`);
	}
	for (const key of Object.keys(options)) {
		if (known.includes(key)) continue;
		throw new TypeError(`${where}: unknown option ${show(key)}; known options are ${known.join(', ')}`);
	}
}
