"""How a script runs its cases of fine-tuning: those of one model together, shared among forked workers."""

import argparse
import shutil
import tempfile
import traceback

import transformers

import workers
from program import Refused
from tested import Failed


def parser():
    out = argparse.ArgumentParser()
    out.add_argument("program")
    out.add_argument("folder")
    out.add_argument("--case", default="")
    out.add_argument("--list", action="store_true")
    return out


def jobs_of(cases):
    """Cases of one model together, since they share its references; the longest first."""
    jobs = {}
    for case in cases:
        jobs.setdefault((case.model, case.routers), []).append(case)
    return sorted(jobs.values(), key=len, reverse=True)


def failures_of(job, folder, make):
    """(name, words) of the job's cases that failed. make(case, place) gives what checks a case in a folder of its own,
    by the method that the case names."""
    failures = []
    for number, case in enumerate(job):
        place = folder / str(number)
        (place / "tier").mkdir(parents=True)
        try:
            getattr(make(case, place), case.check)()
        except Exception as failed:
            known = isinstance(failed, (Failed, Refused))
            failures.append((case.name, str(failed) if known else traceback.format_exc()))
        shutil.rmtree(place)
    return failures


def run(cases, options, checked):
    """Lists or runs the cases; returns the exit status. checked(jobs, options, folder) returns the (name, words) of the
    cases that failed, and how many were run."""
    if options.list:
        print(*(case.name for case in cases), sep="\n")
        return 0
    workers.load_transformers()
    assert transformers.get_scheduler  # loaded before the forks
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        parts = workers.results(jobs_of(cases), lambda jobs: checked(jobs, options, folder))
    failures = [one for part, _ in parts for one in part]
    for name, words in failures:
        print(f"{name}: {words}"[:4000])
    ran = sum(count for _, count in parts)
    print(f"{ran} of {len(cases)} cases run, {len(failures)} failed")
    return 1 if failures or ran != len(cases) or not cases else 0
