"""The FAISS side of the suite: one JSON command a line on stdin, one JSON reply a line on stdout (suite/protocol.ts).

Needs FAISS and NumPy; no FAISS code is part of this project. One thread.
"""

import json
import os
import sys
import time

for name in ['OMP_NUM_THREADS', 'OPENBLAS_NUM_THREADS', 'MKL_NUM_THREADS']:
    os.environ[name] = '1'

import faiss  # noqa: E402
import numpy as np  # noqa: E402

faiss.omp_set_num_threads(1)
METRICS = {'l2': faiss.METRIC_L2, 'ip': faiss.METRIC_INNER_PRODUCT}


def rss():
    with open('/proc/self/statm') as statm:
        return int(statm.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def components(index):
    """Bytes that an index keeps resident, by component; vectors that std::vector reserved beyond their size are not counted."""
    index = faiss.downcast_index(index)
    if hasattr(index, 'refine_index'):
        refine = sum(components(index.refine_index).values())
        return {**components(index.base_index), 'refine': refine}
    if isinstance(index, faiss.IndexPreTransform):
        chain = [faiss.downcast_VectorTransform(index.chain.at(i)) for i in range(index.chain.size())]
        floats = sum(t.A.size() + t.b.size() for t in chain if hasattr(t, 'A'))
        return {**components(index.index), 'transform': 4 * floats}
    out = {}
    if hasattr(index, 'pq'):
        out['codebook'] = 4 * index.pq.centroids.size()
    if hasattr(index, 'sq'):
        out['ranges'] = 4 * index.sq.trained.size()
    if isinstance(index, faiss.IndexIVF):
        lists = faiss.downcast_InvertedLists(index.invlists)
        sizes = [lists.list_size(i) for i in range(index.nlist)]
        block = getattr(lists, 'n_per_block', 1)
        bytes_each = lists.block_size if block > 1 else index.code_size
        out['codes'] = sum(-(-size // block) for size in sizes) * bytes_each
        out['ids'] = 8 * sum(sizes)
        out['centroids'] = sum(components(index.quantizer).values())
        if hasattr(index, 'precomputed_table'):
            out['precomputed table'] = 4 * index.precomputed_table.size()
        return out
    if hasattr(index, 'codes'):
        return {**out, 'codes': index.codes.size()}
    return {'serialized': faiss.serialize_index(index).size}


class Worker:
    def info(self):
        with open('/proc/self/maps') as maps:
            blas = {os.path.basename(line.split()[-1]) for line in maps if 'blas' in line or 'mkl' in line}
        return {
            'engine': f'FAISS {faiss.__version__}',
            'build': faiss.get_compile_options().strip(),
            'runtime': f'Python {sys.version.split()[0]}, NumPy {np.__version__}',
            'blas': sorted(blas),
        }

    def load(self, base, queries, d, metric):
        read = lambda path: np.fromfile(path, '<f4').reshape(-1, d)  # noqa: E731
        self.base, self.queries, self.d, self.metric = read(base), read(queries), d, metric
        self.rows = [self.queries[i : i + 1] for i in range(len(self.queries))]
        self.empty = faiss.IndexFlatL2(d)
        self.empty.add(self.base[:1])
        return {}

    def build(self, config, rows=None, trainRows=None):
        self.drop()
        before, cpu = rss(), time.process_time()
        self.owner = faiss.index_factory(self.d, config, METRICS[self.metric])
        self.find_parts()
        train = seconds(lambda: self.owner.train(self.base[:trainRows]))
        add = seconds(lambda: self.owner.add(self.base[:rows]))
        self.added = self.owner.ntotal
        return {'cpuS': time.process_time() - cpu, 'trainS': train, 'addS': add, 'rss': rss() - before, **self.size()}

    def add(self):
        add = seconds(lambda: self.owner.add(self.base[self.added :]))
        self.added = self.owner.ntotal
        return {'addS': add, **self.size()}

    def find_parts(self):
        """The typed views of the index: what re-ranks and what has cells. The owner must outlive them."""
        self.refine = self.ivf = None
        index = faiss.downcast_index(self.owner)
        if hasattr(index, 'refine_index'):
            self.refine, index = index, faiss.downcast_index(index.base_index)
        if isinstance(index, faiss.IndexPreTransform):
            index = faiss.downcast_index(index.index)
        if isinstance(index, faiss.IndexIVF):
            self.ivf = index
        if hasattr(index, 'do_polysemous_training'):
            # The factory turns on a sorting of centroids by simulated annealing that takes longer than all other training
            # and that only Hamming search uses, which is not measured.
            index.do_polysemous_training = False

    def size(self):
        return {'ntotal': self.owner.ntotal, 'bytes': components(self.owner)}

    def drop(self):
        self.refine = self.ivf = self.owner = None
        return {}

    def set(self, nprobe, kFactor):
        if self.ivf is not None and nprobe is not None:
            self.ivf.nprobe = nprobe
        if self.refine is not None and kFactor is not None:
            self.refine.k_factor = kFactor

    def search(self, mode, k, count, nprobe=None, kFactor=None, labels=False):
        self.set(nprobe, kFactor)
        return self.timed(self.owner, mode, k, count, labels)

    def overhead(self, k, count):
        """The same calls on an index of one vector: what calling from Python costs, and a search of nothing."""
        return self.timed(self.empty, 'single', k, count, False)

    def coarse(self, k, count):
        """Only the ranking of all cells, one query a call."""
        return self.timed(self.ivf.quantizer, 'single', self.ivf.nlist, count, False)

    def timed(self, index, mode, k, count, labels):
        n = len(self.rows)
        if mode == 'batch':
            queries = self.queries[:count] if count <= n else np.resize(self.queries, (count, self.d))
            cpu, start = time.process_time_ns(), time.perf_counter_ns()
            found = index.search(queries, k)[1]
            ns = [time.perf_counter_ns() - start]
            cpu = time.process_time_ns() - cpu
            return {'ns': ns, 'cpuNs': cpu, 'count': count, **({'labels': found[:n].ravel().tolist()} if labels else {})}
        search, clock, ns, found = index.search, time.perf_counter_ns, [0] * count, []
        rows = [self.rows[i % n] for i in range(count)]
        cpu = time.process_time_ns()
        for i, row in enumerate(rows):
            start = clock()
            result = search(row, k)
            ns[i] = clock() - start
            if labels:
                found.append(result[1][0])
        cpu = time.process_time_ns() - cpu
        reply = {'ns': ns, 'cpuNs': cpu, 'count': count}
        return {**reply, 'labels': np.concatenate(found).tolist()} if labels else reply

    def scanned(self, nprobe):
        """Codes scanned per query, mean, at this nprobe; all of them without cells."""
        if self.ivf is None:
            return {'codes': self.owner.ntotal}
        cells = self.ivf.quantizer.search(self.queries, min(nprobe, self.ivf.nlist))[1]
        sizes = np.array([self.ivf.invlists.list_size(i) for i in range(self.ivf.nlist)])
        return {'codes': float(sizes[cells].sum() / len(cells))}

    def file(self):
        return {'bytes': int(faiss.serialize_index(self.owner).size)}


worker = Worker()
for line in sys.stdin:
    command = json.loads(line)
    try:
        reply = getattr(worker, command.pop('do'))(**command)
    except Exception as error:  # a configuration that FAISS refuses is part of the result
        reply = {'error': f'{type(error).__name__}: {error}'.split('\n')[0]}
    print(json.dumps(reply), flush=True)
