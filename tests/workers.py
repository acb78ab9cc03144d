"""Shares jobs among forked workers, one on each core.

A fork begins with the modules of this process, so that what takes seconds to load is loaded once. Nothing may
have started a thread before.
"""

import concurrent.futures
import multiprocessing
import os
import traceback

shared = {}


def load_transformers():
    """Loads what every model of transformers needs, and quietly."""
    import torch
    import transformers
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    assert transformers.LlamaForCausalLM and transformers.AutoTokenizer


def jobs_left():
    """The jobs that no worker has taken yet."""
    jobs, taken = shared["jobs"], shared["taken"]
    while True:
        with taken.get_lock():
            at, taken.value = taken.value, taken.value + 1
        if at >= len(jobs):
            return
        yield jobs[at]


def carried_out(_):
    return shared["work"](jobs_left())


def results(jobs, work):
    """The results of `work` in each worker; it is given an iterator that ends when all jobs are taken."""
    context, count = multiprocessing.get_context("fork"), len(os.sched_getaffinity(0))
    shared.update(jobs=jobs, work=work, taken=context.Value("i", 0))
    with concurrent.futures.ProcessPoolExecutor(count, context) as pool:
        return list(pool.map(carried_out, range(count)))


def checked(names, check):
    """Runs check(name) of each. Prints those that raise, with the exception; returns the exit status."""
    def work(left):
        failures = []
        for name in left:
            try:
                check(name)
            except Exception:
                failures.append((name, traceback.format_exc()))
        return failures

    failures = [one for part in results(names, work) for one in part]
    for name, trace in failures:
        print(f"{trace[-4000:]}\n{name}: FAILED")
    print(f"{len(names)} checked, {len(failures)} failed")
    return 1 if failures or not names else 0
