/**
 * The words that all of the package shares.
 */

/** What is kept beside a vector: a JSON object. */
export type Metadata = Readonly<Record<string, unknown>>;
