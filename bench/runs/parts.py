"""The parts of a measurement: each has a limit of time, and what they measured is saved after each."""
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

LOOK = 0.1  # seconds between looks at a process


class Failed(Exception):
    """A program that a part ran had an error, or took too long."""


class Parts:
    """Runs parts one by one. A part that fails, or for which no time is left, is None in `results`."""

    def __init__(self, seconds, path=None, **about):
        self.end, self.path, self.about = time.monotonic() + seconds, path, about
        self.results, self.seconds, self.failures = {}, {}, {}

    def left(self):
        return self.end - time.monotonic()

    def run(self, name, limit, work):
        """Returns the result of `work(seconds)`: it ends within so many seconds, which are `limit` or what is left."""
        begin, result = time.monotonic(), None
        limit = min(limit, self.left())
        if limit < 5:
            self.failures[name] = "no time was left"
        else:
            try:
                result = work(limit)
            except Exception as error:  # the other parts go on
                self.failures[name] = f"{type(error).__name__}: {error}"
        self.results[name], self.seconds[name] = result, round(time.monotonic() - begin, 1)
        wrong = self.failures.get(name)
        print(f"[{self.seconds[name]} s] {name}" + (f": failed: {wrong}" if wrong else ""), flush=True)
        self.save()
        return result

    def save(self):
        if not self.path:
            return
        whole = self.about | {"results": self.results, "seconds": self.seconds, "failures": self.failures}
        text = json.dumps(whole, indent=1, default=str) + "\n"
        pathlib.Path(self.path + ".part").write_text(text, encoding="utf-8")
        os.replace(self.path + ".part", self.path)


def family(process):
    """The process and all below it."""
    out = [process]
    try:
        for child in pathlib.Path(f"/proc/{process}/task/{process}/children").read_text().split():
            out += family(int(child))
    except OSError:
        pass  # it has just ended
    return out


def most_resident(process):
    """The largest resident memory of a process so far, in bytes; 0 where it is gone."""
    try:
        for line in pathlib.Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


class Run:
    """A program that runs in a process group of its own, with its output in files."""

    def __init__(self, words):
        self.words = [str(word) for word in words]
        self.out, self.errors = (tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
                                 for _ in range(2))
        self.process = subprocess.Popen(self.words, stdout=self.out, stderr=self.errors, start_new_session=True)
        self.held = {}  # the largest resident memory of each process

    def look(self):
        for process in family(self.process.pid):
            self.held[process] = max(self.held.get(process, 0), most_resident(process))

    def resident(self):
        """The sum of the largest resident memories of its processes."""
        return sum(self.held.values())

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def text(self, file):
        file.seek(0)
        return file.read()

    def result(self, seconds, status=0):
        """Standard output, once it has ended with the status; it is killed behind so many seconds."""
        end = time.monotonic() + seconds
        try:
            while self.process.poll() is None:
                if time.monotonic() > end:
                    raise Failed(f"{self.named()} took more than {seconds:.0f} s: {self.tail()}")
                self.look()
                time.sleep(LOOK)
        finally:
            self.kill()
        if self.process.returncode != status:
            raise Failed(f"{self.named()}: status {self.process.returncode}: {self.tail()}")
        return self.text(self.out)

    def named(self):
        return " ".join(self.words[:60])

    def tail(self):
        return self.text(self.errors).strip()[-1200:]


def object_of(text):
    """The text as an object, or the last line of it that is one."""
    try:
        return json.loads(text)
    except ValueError:
        pass
    lines = [line for line in text.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"no object was printed: {text[-500:]}")
    return json.loads(lines[-1])


def ran(words, seconds):
    """The object that a program prints."""
    return object_of(Run(words).result(seconds))
