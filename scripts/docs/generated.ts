/** Every document that is made from the sources, by path. */
import { apiLists } from './api.ts';
import { parametersText } from './parameters.ts';

export function generatedDocuments(root: string): Map<string, string> {
	return new Map([...apiLists(root), ['docs/parameters.md', parametersText(root)]]);
}
