"""The disk's highest read rate: reads with O_DIRECT, the best of several sizes and depths."""
import mmap
import os
import random
import threading
import time

# Bytes of one read, and the number of reads in flight.
READS = ((1 << 20, 32), (4 << 20, 8), (4 << 20, 16), (16 << 20, 4))
READ_BYTES = 4 << 30  # bytes that are read in each form


def read_buffer(size):
    """Host memory like that of the runs: page-locked or in huge pages, for disk requests of few pieces."""
    import torch

    if torch.cuda.is_available():
        return memoryview(torch.empty(size, dtype=torch.uint8, pin_memory=True).numpy())
    return touched_memory(size)


def touched_memory(size):
    """Host memory in huge pages, each page written once."""
    import numpy

    huge = 2 << 20
    memory = mmap.mmap(-1, size + huge, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(mmap.MADV_HUGEPAGE)
    whole = numpy.frombuffer(memory, dtype=numpy.uint8)
    whole[::mmap.PAGESIZE] = 1
    skip = -whole.ctypes.data % huge
    return memoryview(whole[skip:skip + size])


def rate(path):
    """Bytes a second when reading the file past the page cache."""
    return max(read(path, *form) for form in READS)


def read(path, size, readers):
    """Bytes a second when reading a part of the file, another part with each call."""
    source = os.open(path, os.O_RDONLY | os.O_DIRECT)
    whole = os.path.getsize(path) // size * size
    begin = random.randrange(max(1, whole - READ_BYTES)) // 4096 * 4096
    end = min(begin + READ_BYTES, whole)
    places, lock, failures = iter(range(begin, end - size + 1, size)), threading.Lock(), []
    done = [0] * readers
    memory = read_buffer(size * readers)

    def work(me):
        try:
            while True:
                with lock:
                    place = next(places, None)
                if place is None:
                    return
                if os.preadv(source, [memory[me * size:(me + 1) * size]], place) != size:
                    raise OSError("a short read")
                done[me] += size
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(readers)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.monotonic() - start
    os.close(source)
    if failures:
        raise failures[0]
    return sum(done) / seconds
