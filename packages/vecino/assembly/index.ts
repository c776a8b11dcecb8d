// The export list of the kernel module. Numbers in, numbers out; the memory is imported; no allocator, no state.
export { l2Many, ipMany } from './distances';
export { topkInit, topkPush, topkFinish } from './topk';
export { packPanel } from './panels';
export { nearestPack, largestNorm, nearestRows, rankCells } from './nearest';
export { normsSquared, normalizeRows, sumRows, residuals, residualTerms, gatherRows } from './rows';
export { pqEncode, pqDecode, pqTable } from './pq';
export { adc8, adcBits } from './adc';
export { sq8Encode, sq8Decode, sq8L2Many, sq8IpMany } from './sq8';
export { scanL2, scanIp, scanPq, scanSq8L2, scanSq8Ip } from './scan';
export { fastPlace, fastFetch, fastTables, scanFast } from './fastscan';
export { hnswSearch, hnswInsert } from './hnsw';
