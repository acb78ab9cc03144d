"""Command lines that several ranks carry out together, each in one process of the program `many`: a launcher would
load LibTorch for each command and rank anew.
"""

import pathlib
import sys
import threading

from program import Many, Program, Refused

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "proofs"))
from ranked import free_port  # noqa: E402

SECONDS = 120  # limit for an answer, on a loaded machine


class ManyRanks(Program):
    def __init__(self, path, ranks, **more):
        super().__init__(path, **more)
        self.ranks, self.members = ranks, []

    def begin(self):
        place = {"WORLD_SIZE": self.ranks, "LOCAL_WORLD_SIZE": self.ranks, "MASTER_ADDR": "127.0.0.1",
                 "MASTER_PORT": free_port()}
        for rank in range(self.ranks):
            place |= {"RANK": rank, "LOCAL_RANK": rank}
            self.members.append(Many(self.path, {key: str(value) for key, value in place.items()}))

    def text(self, *arguments):
        """Returns rank 0's output; Refused with the lines of all ranks that failed, and the largest status. A rank that
        is lost ends the others' processes, so that a failure lets all start anew."""
        if not self.members:
            self.begin()
        for member in self.members:
            member.ask(*arguments)
        late = threading.Timer(SECONDS, self.stop)
        late.start()
        answers = [self.answer_of(member, arguments) for member in self.members]
        late.cancel()
        failed = [(status, words) for status, words, _ in answers if status != 0]
        if failed:
            self.kill()
            raise Refused("\n".join(f"error: {words}" for _, words in failed), max(status for status, _ in failed))
        for rank, (_, _, printed) in enumerate(answers[1:], 1):
            if printed:
                raise AssertionError(f"rank {rank} printed {printed!r}")
        return answers[0][2]

    def answer_of(self, member, arguments):
        try:
            return member.answered(*arguments)
        except AssertionError as ended:
            return 1, str(ended), ""

    def stop(self):
        """Ends the processes; whoever waits for an answer sees it."""
        for member in self.members:
            if process := member.process:
                process.kill()

    def kill(self):
        self.stop()
        for member in self.members:
            if member.process:
                member.end()
        self.members = []

    def close(self):
        for member in self.members:
            member.close()
