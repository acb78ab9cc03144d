"""Two machines for a test: network namespaces that one link joins. Both end when their holders do, and so do
the processes on them, so that nothing is left, even where the test is killed."""

import json
import os
import subprocess

LINK = "link0"  # on either machine
HOLD = 'echo "$1" > /proc/sys/kernel/hostname && echo held && exec cat'


class Refused(Exception):
    """This system lets the test make no machines; the words say why."""


class Machines:
    """To be used in a `with`. Their names lead nowhere: only addresses tell the machines apart."""

    addresses = ("192.0.2.1", "192.0.2.2")

    def __init__(self):
        self._holders, self._processes = [], []

    def __enter__(self):
        if os.geteuid() != 0:
            raise Refused("only root may make network namespaces")
        try:
            for machine in range(2):
                self._holders.append(self._hold(f"machine-{machine}.invalid"))
            self.tool(0, "ip", "link", "add", LINK, "type", "veth", "peer", "name", LINK, "netns",
                      self._holders[1].pid)
            for machine, address in enumerate(self.addresses):
                self.tool(machine, "ip", "address", "add", f"{address}/24", "dev", LINK)
                for one in ("lo", LINK):
                    self.tool(machine, "ip", "link", "set", one, "up")
        except FileNotFoundError as e:
            self.__exit__()
            raise Refused(f"{e.filename} is not installed") from e
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in self._processes + self._holders:
            process.kill()
        for process in self._processes + self._holders:
            process.communicate()

    @staticmethod
    def _hold(name):
        """A process in namespaces of its own, which ends with the test since it reads from it."""
        holder = subprocess.Popen(["unshare", "--net", "--uts", "sh", "-c", HOLD, "hold", name],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True)
        if holder.stdout.readline() != "held\n":
            holder.kill()
            raise Refused(holder.communicate()[1].strip())
        return holder

    def _on(self, machine, words):
        return ["nsenter", "--target", str(self._holders[machine].pid), "--net", "--uts", *map(str, words)]

    def tool(self, machine, *words):
        """The output of a tool that ends at once."""
        done = subprocess.run(self._on(machine, words), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True)
        if done.returncode != 0:
            raise Refused(f"{' '.join(map(str, words))}: {done.stderr.strip()}")
        return done.stdout

    def start(self, machine, words, environment):
        """A process that the kernel ends with the test."""
        process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *self._on(machine, words)],
                                   env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._processes.append(process)
        return process

    def slow_down(self, rate):
        """Limits what either machine sends, to a rate in tc's words."""
        for machine in range(2):
            self.tool(machine, "tc", "qdisc", "replace", "dev", LINK, "root", "tbf", "rate", rate, "burst",
                      "32kbit", "latency", "400ms")

    def speed_up(self):
        for machine in range(2):
            self.tool(machine, "tc", "qdisc", "del", "dev", LINK, "root")

    def held_back(self, machine):
        """How often the limit held back what the machine sends."""
        return json.loads(self.tool(machine, "tc", "-s", "-j", "qdisc", "show", "dev", LINK))[0]["overlimits"]

    def sent(self, machine):
        """The bytes that the machine has sent over the link."""
        return json.loads(self.tool(machine, "ip", "-s", "-j", "link", "show", LINK))[0]["stats64"]["tx"]["bytes"]

    def cut(self, machine):
        self.tool(machine, "ip", "link", "set", LINK, "down")
