import { filterSuite } from './filter.ts';

filterSuite('l2');
