"""One job of the comparison with FAISS (compare.ts runs it): builds an index, searches, prints one line of JSON.

    python3 bench/engine/faiss.py ivfflat|ivfpq|sizes [data folder]

Needs FAISS and NumPy (Debian: python3-faiss, python3-numpy). One thread.
"""

import json
import os
import sys
import time

for name in ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS']:
    os.environ[name] = '1'
# This file is called faiss.py: its folder must not be where `import faiss` looks first.
sys.path.pop(0)

import faiss  # noqa: E402
import numpy as np  # noqa: E402

NLIST, M, K, NPROBES = 1024, 16, 10, [16, 32, 64]

job = sys.argv[1] if len(sys.argv) > 1 else 'ivfflat'
here = os.path.dirname(os.path.abspath(__file__))
folder = (sys.argv[2:] + [os.environ.get('VECINO_DATA') or os.path.join(here, '../../../shared/data')])[0]
faiss.omp_set_num_threads(1)


def about():
    with open('/proc/self/maps') as maps:
        blas = sorted({os.path.realpath(line.split()[-1]) for line in maps if 'blas' in line or 'mkl' in line})
    return {
        'engine': f'FAISS {faiss.__version__}',
        'compileOptions': faiss.get_compile_options().strip(),
        'blas': [os.path.basename(path) for path in blas],
    }


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def rows(name, dtype):
    """bvecs or ivecs: every row is an int32 d, then d values."""
    raw = np.fromfile(os.path.join(folder, 'sift-free-100k', name), 'u1')
    d = int(raw[:4].view('<i4')[0])
    return np.ascontiguousarray(raw.reshape(-1, 4 + d * np.dtype(dtype).itemsize)[:, 4:]).view(dtype)


def measure(search, queries, truth):
    for i in range(300):
        search(queries[i : i + 1])
    batch, found = timed(lambda: search(queries)[1])
    single, _ = timed(lambda: [search(queries[i : i + 1]) for i in range(len(queries))])
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, truth[:, :K]))
    n = len(queries)
    return {'recall': hits / (K * n), 'singleMs': 1000 * single / n, 'batchMs': 1000 * batch / n}


def ivf():
    base, queries = (rows(name, 'u1').astype('f4') for name in ['base.bvecs', 'query.bvecs'])
    truth = rows('groundtruth.ivecs', '<i4')
    d = base.shape[1]
    quantizer = faiss.IndexFlatL2(d)
    index = faiss.IndexIVFPQ(quantizer, d, NLIST, M, 8) if job == 'ivfpq' else faiss.IndexIVFFlat(quantizer, d, NLIST)
    train, _ = timed(lambda: index.train(base))
    add, _ = timed(lambda: index.add(base))
    out = {**about(), 'job': job, 'trainS': train, 'addS': add, 'results': [], 'refined': []}
    for nprobe in NPROBES:
        index.nprobe = nprobe
        out['results'].append({'nprobe': nprobe, **measure(lambda q: index.search(q, K), queries, truth)})
    if job == 'ivfpq':
        refine = faiss.IndexRefineFlat(index, faiss.swig_ptr(base))
        refine.k_factor = 10
        for nprobe in NPROBES:
            index.nprobe = nprobe
            out['refined'].append({'nprobe': nprobe, **measure(lambda q: refine.search(q, K), queries, truth)})
    return out


def sizes():
    """Bytes of the index files of 500,000 x 128: they do not depend on the values."""
    n, d = 500_000, 128
    x = np.random.default_rng(1).random((n, d), 'f4')
    flat = faiss.IndexFlatL2(d)
    flat.add(x)
    pq = faiss.IndexPQ(d, 8, 8)
    pq.pq.cp.niter = 1
    pq.train(x[:10_000])
    pq.add(x)
    return {**about(), 'job': job, 'flat': len(faiss.serialize_index(flat)), 'pq8': len(faiss.serialize_index(pq))}


print(json.dumps(sizes() if job == 'sizes' else ivf()))
