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


def both_rate(folder, size=6 << 30, seconds=2):
    """Bytes a second that are read and written together past the page cache, as many of each: the best of all forms."""
    size = min(size, os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize // 4) // READS[-1][0] * READS[-1][0]
    descriptor = os.open(folder, os.O_RDWR | os.O_DIRECT | os.O_TMPFILE, 0o600)
    try:
        fill(descriptor, size)
        return max(exchange(descriptor, size, *form, seconds) for form in READS)
    finally:
        os.close(descriptor)


def fill(descriptor, size, block=16 << 20):
    """Writes the file, since what was never written is read without the disk."""
    os.posix_fallocate(descriptor, 0, size)
    memory = read_buffer(block)
    memory[:] = os.urandom(1 << 20) * (block >> 20)
    for place in range(0, size, block):
        if os.pwrite(descriptor, memory, place) != block:
            raise OSError("a short write")


def exchange(descriptor, size, block, depth, seconds):
    """The rate of threads that read one block and write another, in turn; every second one begins with a write."""
    memory = read_buffer(block * depth)
    memory[:1 << 20] = os.urandom(1 << 20)
    end, moved, failures = time.monotonic() + seconds, [0] * depth, []

    def work(me):
        own, draw = memory[me * block:(me + 1) * block], random.Random(me)
        turn = me
        try:
            while time.monotonic() < end:
                place = draw.randrange(size // block) * block
                done = (os.pwrite(descriptor, own, place) if turn % 2 else os.preadv(descriptor, [own], place))
                if done != block:
                    raise OSError("a short transfer")
                moved[me] += block
                turn += 1
        except OSError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(me,)) for me in range(depth)]
    start = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(moved) / (time.monotonic() - start)
