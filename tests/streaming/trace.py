"""A trace holds every action of every pass, each after what it needs."""

import collections
import json
import pathlib
import tempfile

from program import check, result, streamed

for offload, lane in (("nvme", "io"), ("cpu", "copy")):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "trace.json")
        report = result(streamed(offload, "--trace", path))["report"]
        events = json.loads(path.read_text())
    names = {e["tid"]: e["args"]["name"] for e in events if e["ph"] == "M"}
    spans = [e for e in events if e["ph"] == "X"]
    check(all(e["dur"] >= 0 and e["ts"] >= 0 for e in spans), f"{offload}: times that grow")
    units = collections.defaultdict(lambda: collections.defaultdict(list))
    for e in spans:
        units[e["name"].split(" ", 1)[1]][e["cat"]].append(e)
    passes = report["moved"]["decode"]["steps"] + 1
    check(all(len(kinds["run"]) == passes for kinds in units.values()),
          f"{offload}: {passes} runs of each of {len(units)} units")
    fetched = [kinds for kinds in units.values() if kinds["fetch"]]
    check(fetched, f"{offload}: {len(fetched)} units are fetched")
    for kinds in fetched:
        assert {names[e["tid"]] for e in kinds["fetch"]} == {lane}
        for fetch, run in zip(kinds["fetch"], kinds["run"]):
            assert fetch["ts"] + fetch["dur"] <= run["ts"] + 1e-3, (fetch, run)
    for number in names:
        row = [e for e in spans if e["tid"] == number]
        assert all(a["ts"] + a["dur"] <= b["ts"] + 1e-3 for a, b in zip(row, row[1:]))
