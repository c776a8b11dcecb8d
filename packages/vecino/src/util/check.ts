/**
 * Argument checks. `where` is the public method, e.g. `IndexFlat.search`; messages name the
 * argument, what was expected and what was given, and are built only when thrown.
 */

/** Shows a value in a message: short, quoted when it is text. */
export function show(value: unknown): string {
	if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
	if (value === null || value === undefined || typeof value !== 'object') return String(value);
	const name = (value as object).constructor?.name ?? 'object';
	const length = (value as { length?: unknown }).length;
	return typeof length === 'number' ? `${name}(${length})` : name;
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

/** One of a few words. */
export function checkOneOf<T extends string>(where: string, name: string, value: unknown, allowed: readonly T[]): T {
	if (!allowed.includes(value as T)) {
		throw new RangeError(`${where}: ${name} must be ${listWords(allowed)}, got ${show(value)}`);
	}
	return value as T;
}

/** A boolean. */
export function checkBoolean(where: string, name: string, value: unknown): boolean {
	if (typeof value !== 'boolean') throw new TypeError(`${where}: ${name} must be true or false, got ${show(value)}`);
	return value;
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

function listWords(words: readonly string[]): string {
	const quoted = words.map((word) => `'${word}'`);
	return quoted.length < 2 ? quoted.join('') : `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1)}`;
}
