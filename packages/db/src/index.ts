/**
 * @vecino/db: collections of vectors and texts with metadata, on vecino's indexes and SQLite.
 */

export type { Metadata } from './types.ts';
export { type CompiledWhere, compileWhere } from './where/compile.ts';
export type { Fields } from './where/fields.ts';
export { type CheckedMetadata, checkMetadata } from './where/schema.ts';
export type { Where, WhereValue } from './where/types.ts';
