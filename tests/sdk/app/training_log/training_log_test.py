"""The files that a training run writes, read by others: TensorBoard, json, html.parser, an XML parser.

usage: training_log_test.py DRIVER
"""

import html.parser
import json
import math
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader

DRIVER = sys.argv[1]
HOSTILE = "</td><script src=\"//evil.example/x.js\">alert('1')</script> & \x01 \u00e9"
VOID = {"meta", "br", "hr", "img", "input", "link"}


def step(number, **more):
    return {"kind": "step", "step": number, "total": 8, "loss": 3.0 / number, "lr": 1e-5 * number,
            "grad_norm": 0.5 + number, "tokens": 1000 * number, "scored": 900 * number,
            "seconds": 0.25 * number, "flops": 3e12 * number, **more}


def validation(number, loss):
    return {"kind": "validation", "step": number, "loss": loss, "tokens": 77}


def drive(folder, records, resumed=None, timeline=(), **more):
    run = {"outputs": {"jsonl": str(folder / "run.jsonl"), "tensorboard": str(folder / "events"),
                       "html": str(folder / "run.html")},
           "resumed": resumed, "records": records, "title": "A run of " + HOSTILE,
           "settings": [["data", HOSTILE], ["lr", "1e-05"]], "timeline": list(timeline),
           "shape": [7e9, 32, 4096], "sequence": 2048, "configs": [], **more}
    done = subprocess.run([DRIVER], input=json.dumps(run), text=True, stdout=subprocess.PIPE)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def scalars(folder):
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def a_resumed_run_has_each_step_once(folder):
    first = [validation(0, 4.0)] + [step(n) for n in range(1, 7)] + [validation(3, 2.0), validation(6, 1.0)]
    drive(folder, first)
    again = [step(n, loss=9.0 + n) for n in range(5, 9)] + [validation(6, 1.5)]
    assert drive(folder, again, resumed=4)["kept"] == 4

    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    expected = [step(n) for n in range(1, 5)] + again[:4]
    assert [line["step"] for line in steps] == list(range(1, 9)), steps
    for line, wanted in zip(steps, expected):
        assert wanted.items() <= line.items(), (line, wanted)
    assert [(v["step"], v["loss"]) for v in lines if v["kind"] == "validation"] == [(0, 4), (3, 2), (6, 1.5)]

    files = sorted(os.listdir(folder / "events"))
    assert len(files) == 2 and all(name.startswith("events.out.tfevents.") for name in files), files
    read = scalars(folder / "events")
    assert read == {
        "train/loss": [(e["step"], single(e["loss"])) for e in expected],
        "train/lr": [(e["step"], single(e["lr"])) for e in expected],
        "train/grad_norm": [(e["step"], single(e["grad_norm"])) for e in expected],
        "train/tokens_per_second": [(e["step"], single(e["tokens"] / e["seconds"])) for e in expected],
        "eval/loss": [(0, 4.0), (3, 2.0), (6, 1.5)],
    }, read


def a_number_that_is_none_is_null_and_marked(folder):
    # Python's NaN cannot be in the driver's input, and null is read as NaN.
    drive(folder, [step(1), step(2, loss=None, skipped=True), step(3)])
    lines = [json.loads(line) for line in (folder / "run.jsonl").read_text().splitlines()]
    assert [line.get("nan", False) for line in lines] == [False, True, False], lines
    assert lines[1]["loss"] is None and lines[1]["skipped"] is True
    losses = [value for _, value in scalars(folder / "events")["train/loss"]]
    assert math.isnan(losses[1]) and losses[0] == 3.0, losses


def a_flipped_byte_of_an_event_is_noticed(folder):
    drive(folder, [step(1)])
    (file,) = (folder / "events").iterdir()
    whole = file.read_bytes()
    assert len(list(RawEventFileLoader(str(file)).Load())) == 2
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        try:
            read = len(list(RawEventFileLoader(str(file)).Load()))
        except Exception as error:  # the reader's own, of a length that no memory has
            read = -1
            assert type(error).__name__ in ("DataLossError", "MemoryError", "OverflowError"), repr(error)
        assert read < 2, at


class Page(html.parser.HTMLParser):
    """Notes open tags, attributes and texts; a tag that closes another one is an error."""

    def __init__(self):
        super().__init__()
        self.open, self.attributes, self.texts, self.tags = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)


def the_page_is_whole_and_loads_nothing(folder):
    timeline = [{"lane": "copy", "kind": "fetch", "unit": f"layers.{n} {HOSTILE}", "begin": 5 + n, "end": 5.9 + n}
                for n in range(4)]
    timeline += [{"lane": "compute", "kind": "run", "unit": f"layers.{n}", "begin": 6 + n, "end": 6.5 + n}
                 for n in range(4)]
    drive(folder, [validation(0, 4.0)] + [step(n) for n in range(1, 9)] + [validation(8, 0.5)], timeline=timeline)
    text = (folder / "run.html").read_text()
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open, page.open
    assert "script" not in page.tags and "link" not in page.tags and "img" not in page.tags
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "href", "xlink:href", "srcset", "action", "data"}, names
    assert not [name for name in names if name.startswith("on")], names
    assert "url(" not in text and "@import" not in text
    shown = HOSTILE.replace("\x01", "\ufffd")
    assert page.texts.count(shown) == 1, page.texts
    assert sum(shown in t for t in page.texts) == 1 + 2 + 4  # the setting, the titles, the spans' units

    tree = xml.fromstring(text)
    loss, rate, norm, lanes = tree.iter("svg")
    assert len(list(loss.iter("circle"))) == 2 and len(list(loss.iter("path"))) == 2
    drawn = [p.attrib["d"].replace("M", "L").split("L")[1:] for p in loss.iter("path")]
    assert [len(points) for points in drawn] == [8, 2], drawn
    heights = [float(point.split()[1]) for point in drawn[0]]
    assert heights == sorted(heights), heights  # a falling loss goes down the page
    assert len(list(rate.iter("path"))) == 1 and len(list(norm.iter("path"))) == 1
    bars = list(lanes.iter("rect"))
    assert len(bars) == 8
    # From 5 to 9.5 s: copy is busy for 3.6 of 4.5 s, compute for 2.
    labels = [t.text for t in lanes.iter("text")]
    assert labels[:2] == ["copy 80 %", "compute 44 %"], labels
    widths = [float(bar.attrib["width"]) for bar in bars]
    assert all(abs(w / widths[0] - 0.5 / 0.9) < 1e-3 for w in widths[4:]), widths


def the_line_of_the_script_is_as_python_formats_it(folder):
    losses = [2.34565, 0.00005, 12345.67895, None, 1.00005]
    times = [0.0123456, 1.2345, 123.4565, 0.5, 99.9995]
    records = [step(n + 1, loss=loss, seconds=time, tokens=2048 * 10 ** n, flops=1.5e12 * 7 ** n)
               for n, (loss, time) in enumerate(zip(losses, times))]
    records.append(step(123456, loss=1.5))
    told = drive(folder, records)
    for record, line, mixture in zip(records, told["lines"], told["mixture_lines"]):
        loss = float("nan") if record["loss"] is None else record["loss"]
        wanted = f"Step {record['step']:4d} | Loss: {loss:.4f} | Time: {record['seconds'] * 1000:5.0f}ms"
        assert mixture == wanted, (mixture, wanted)
        wanted += (f" | TFLOPS: {record['flops'] / record['seconds'] / 1e12:5.2f}"
                   f" | Tokens/s: {record['tokens'] / record['seconds']:6.0f}")
        assert line == wanted, (line, wanted)


def operations_are_counted_as_by_the_script(folder):
    for parameters, layers, hidden, tokens in [(7_000_000_000, 32, 4096, 2048), (135_000_000, 30, 576, 513)]:
        told = drive(folder, [], shape=[parameters, layers, hidden], sequence=tokens, resumed=0)
        wanted = [2 * c * parameters * tokens + 4 * c * layers * hidden * tokens**2 for c in (3, 4)]
        assert told["flops"] == wanted, (told, wanted)


def mixtures_are_those_whose_configuration_has_the_attribute(folder):
    from transformers import AutoConfig
    types = ["bloom", "gemma3_text", "gpt2", "gpt_oss", "llama", "mixtral", "olmoe", "opt", "phi3", "qwen2",
             "qwen2_moe", "qwen3", "qwen3_moe", "seed_oss", "switch_transformers"]
    keys = ["num_local_experts", "moe_layers", "num_experts", "expert_capacity", "router_aux_loss_coef"]
    configs = [AutoConfig.for_model(name) for name in types]
    wanted = [any(hasattr(config, key) for key in keys) for config in configs]
    assert any(wanted) and not all(wanted)
    told = drive(folder, [], configs=[json.loads(config.to_json_string()) for config in configs])["mixtures"]
    assert told == wanted, [t for t in zip(types, told, wanted) if t[1] != t[2]]


for test in [a_resumed_run_has_each_step_once, a_number_that_is_none_is_null_and_marked,
             a_flipped_byte_of_an_event_is_noticed, the_page_is_whole_and_loads_nothing,
             the_line_of_the_script_is_as_python_formats_it, operations_are_counted_as_by_the_script,
             mixtures_are_those_whose_configuration_has_the_attribute]:
    with tempfile.TemporaryDirectory() as made:
        test(pathlib.Path(made))
    print(test.__name__.replace("_", " "), flush=True)
