import { describe } from 'vitest';
import { defaultEngine } from '../../src/kernels/engine.ts';
import { conformance } from './conformance.ts';

// The reference kernels take 30 times as long; format/same-bytes.test.ts runs them on every metric.
describe.skipIf(defaultEngine().backend === 'reference')('metric cosine', () => conformance('cosine'));
