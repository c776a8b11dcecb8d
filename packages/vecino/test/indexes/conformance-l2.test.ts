import { describe } from 'vitest';
import { conformance } from './conformance.ts';

describe('metric l2', () => conformance('l2'));
