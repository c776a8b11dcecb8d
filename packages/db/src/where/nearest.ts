/**
 * The word that was probably meant.
 */

/** Of `words` the one with the fewest letters changed; undefined where all are too far away. Upper and lower case count half. */
export function nearestOf(word: string, words: Iterable<string>): string | undefined {
	let best: string | undefined;
	let least = Math.max(1.5, Math.min(word.length, 24) / 2.5);
	for (const candidate of words) {
		if (Math.abs(candidate.length - word.length) > least) continue;
		const distance = editDistance(word, candidate);
		if (distance < least) [best, least] = [candidate, distance];
	}
	return best;
}

/** Letters inserted, left out, exchanged, or swapped with the next. */
function editDistance(a: string, b: string): number {
	let twoBack: number[] = [];
	let back = Array.from({ length: b.length + 1 }, (_, j) => j);
	for (let i = 1; i <= a.length; i++) {
		const row = [i];
		for (let j = 1; j <= b.length; j++) {
			let least = Math.min(back[j]! + 1, row[j - 1]! + 1, back[j - 1]! + differ(a[i - 1]!, b[j - 1]!));
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
				least = Math.min(least, twoBack[j - 2]! + 1);
			row.push(least);
		}
		[twoBack, back] = [back, row];
	}
	return back[b.length]!;
}

function differ(a: string, b: string): number {
	if (a === b) return 0;
	return a.toLowerCase() === b.toLowerCase() ? 0.5 : 1;
}
