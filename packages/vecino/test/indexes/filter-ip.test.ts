import { filterSuite } from './filter.ts';

filterSuite('ip');
