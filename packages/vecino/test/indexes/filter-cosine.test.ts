import { filterSuite } from './filter.ts';

filterSuite('cosine');
