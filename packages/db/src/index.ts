/**
 * @vecino/db: collections of vectors and texts with metadata, on vecino's indexes and SQLite.
 */

export type { Metadata } from './types.ts';
