"""Several ranks have the tokens of a single process, each reads its shard of every unit, and prompts are
split over them: 1, 2, 3 and 4 ranks by --ranks, and 2 by torchrun and mpirun. Perplexity and logits are
the single process's to the last bit. So are the tokens of a group of one rank, whose units pass through the
collectives, and their log probabilities.

usage: ranks_test.py STRATA [MODEL.gguf]
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import tiny
from ranked import CUT, free_port, generate

SECONDS = 240  # limit for the ranks, on a loaded machine


def launched(words, text=""):
    """The output of a launcher's processes together, which is rank 0's; it reads the text."""
    done = subprocess.run(list(map(str, words)), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=SECONDS, env={**os.environ, "OMP_NUM_THREADS": "1"})
    tiny.expect(done.returncode == 0, f"{words}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def same_plan(program, model, more, ranks, out):
    """The plan for so many ranks holds and gathers what each of them reports; a run without budgets has the
    same tiers for every batch."""
    plan = tiny.result(program, "plan", "--model", model, "--device", "cpu", "--json", *more, "--ranks", ranks)
    tiny.expect(plan["ranks"]["count"] == ranks, f"{ranks}: {plan}")
    for report in out["report"]["ranks"]:
        tiny.expect(report["tiers"] == plan["tiers"], f"{ranks}: {report['tiers']}, planned {plan['tiers']}")
    for tier, held in plan["ranks"]["tiers"].items():
        tiny.expect(held["bytes"] == ranks * plan["tiers"][tier]["bytes"], f"{ranks}: {plan}")
    return plan


def check(program, model, file, prompts, tokens, expected=None):
    """Two ranks that read from the file: half of the single process's bytes each, and its tokens."""
    words = generate(program, model, prompts, tokens, "--offload", "nvme")
    alone = tiny.result(*words)
    tiny.expect(expected in (None, alone["output_ids"]), f"alone: {alone['output_ids']}, not {expected}")
    both = json.loads(launched([*words, "--ranks", 2]))
    tiny.expect(both["output_ids"] == alone["output_ids"],
                f"2 ranks: {both['output_ids']}, alone {alone['output_ids']}")
    half = file.stat().st_size / 2
    reports = both["report"]["ranks"]
    tiny.expect(len(reports) == 2, f"reports: {reports}")
    for rank, report in enumerate(reports):
        moved = report["moved"]["decode"]
        step = moved["counted"] / moved["steps"]
        tiny.expect(step <= 1.03 * half, f"rank {rank}: {step} bytes, half {half}")
        tiny.expect(moved["counted"] == moved["planned"], f"rank {rank}: {moved}")
        print(f"{file.name} rank {rank}: {step / half:.4f} of half")
    plan = same_plan(program, model, ("--offload", "nvme"), 2, both)["ranks"]
    # The first pass gathers what it has under way for the next one too. A rank without a prompt counts it as a
    # step of decode.
    decoded = reports[0]["moved"]["decode"]
    tiny.expect(0 < plan["gathered_bytes_per_pass"] * decoded["steps"] == decoded["gathered"],
                f"{decoded}, planned {plan}")
    every = [sum(report["moved"][part]["gathered"] for part in ("prefill", "decode")) for report in reports]
    tiny.expect(every[0] == every[1], f"the ranks gathered {every}")
    if file.name == "model.safetensors":  # no table, which is whole on every rank, is its head
        held, all_held = (tiers["nvme"]["bytes"] for tiers in (alone["report"]["tiers"], plan["tiers"]))
        tiny.expect(held <= all_held <= 1.01 * held, f"2 ranks hold {all_held} bytes, one {held}")


def experts(program, folder):
    """Four prompts over 1 to 4 ranks choose experts of their own; streamed from memory and from the file,
    with slots for few experts and for many. The units are so small that ranks have the whole of each, unless
    they are told to cut them."""
    model = tiny.save(folder, made=tiny.mixtral)
    prompts = [tiny.prompt(14 - rank, 509, seed=rank) for rank in range(4)]
    expected = [tiny.greedy(model, prompt, 12) for prompt in prompts]
    few = ["--offload", "cpu", "--device-memory", "1000KB"]
    for ranks, more in ((1, few), (2, [*few, *CUT]), (3, ["--offload", "nvme", *CUT]),
                        (4, ["--offload", "cpu", *CUT]), (4, [*few, *CUT]), (2, ["--offload", "cpu"]), (4, few)):
        words = generate(program, folder, prompts, 12, *more, "--ranks", ranks)
        out = json.loads(launched(words))
        tiny.expect(out["output_ids"] == expected, f"{ranks} {more}: {out['output_ids']}, not {expected}")
        moved = out["report"]["moved"]["decode"]
        tiny.expect(moved["counted"] == moved["planned"], f"{ranks} {more}: {moved}")
        print(f"{ranks} ranks, {' '.join(more)}: {moved['counted']} bytes")
        if ranks == 1:
            continue
        tiny.expect((moved["gathered"] > 0) == (CUT[-1] in more), f"{ranks} {more}: {moved}")
        if "--device-memory" in more:
            continue
        plan = same_plan(program, folder, more, ranks, out)["ranks"]
        tiny.expect((plan["gathered_bytes_per_pass"] > 0) == (plan["gathers_per_pass"] > 0) == (CUT[-1] in more)
                    and (plan["whole"]["units"] == 0) == (CUT[-1] in more), f"{ranks} {more}: {plan}")
        for report in out["report"]["ranks"]:
            tiny.expect(report["whole"] == plan["whole"], f"{ranks} {more}: {report['whole']}, planned {plan}")
    text = launched([one for one in generate(program, folder, prompts, 12, *few, "--ranks", 2)
                     if one != "--json"])
    rows = "".join(f"{tiny.ids(ids)}\n" for ids in expected)
    tiny.expect(text == rows, f"printed {text!r}, not {rows!r}")
    return folder, prompts, expected


def group_of_one(program, folder, prompts):
    """The bits of a process without a group, streamed from memory, from the file and partly, and resident."""
    words = generate(program, folder, prompts, 8, "--logprobs", "3")
    group = [*CUT, "--ranks", 1]
    resident = tiny.result(*words, "--offload", "device")
    budget = resident["report"]["peak"]["device"]["planned"] - resident["report"]["weights"]["run_bytes"] // 3
    for more in (["--offload", "device"], ["--offload", "cpu"], ["--offload", "nvme"],
                 ["--offload", "cpu", "--device-memory", budget]):
        alone, made = (tiny.result(*words, *more, *ranks) for ranks in ((), group))
        tiny.expect("collectives" not in alone["report"], f"{more}: {alone['report']}")
        for key in ("output_ids", "logprobs"):
            tiny.expect(made[key] == alone[key], f"{more}: {key} {made[key]}, alone {alone[key]}")
        gathered = made["report"]["collectives"]["all_gather"]
        tiny.expect(made["report"]["collectives"]["library"] == "gloo", f"{more}: {made['report']}")
        moved = sum(made["report"]["moved"][part]["counted"] for part in ("prefill", "decode"))
        tiny.expect((gathered["calls"] > 0) == (moved > 0) == ("device" not in more), f"{more}: gathered {gathered}")
        if "cpu" in more:  # of each fetch, and the few bytes by which experts are agreed on
            tiny.expect(moved <= gathered["bytes"] <= 1.01 * moved, f"{more}: gathered {gathered}, fetched {moved}")
        print(f"{' '.join(map(str, more))}: {gathered['calls']} gathers of one rank, {gathered['bytes']} bytes")
        files = [folder / "alone", folder / "group"]
        for file, ranks in zip(files, ((), group)):
            tiny.run(program, "logits", "--model", folder, "--device", "cpu", "--threads", "1", "--input-ids",
                     tiny.ids(prompts[0]), "--output", file, *more, *ranks)
        tiny.expect(files[0].read_bytes() == files[1].read_bytes(), f"{more}: logits differ")
    for more, gathers in ((["--offload", "device"], False), (["--offload", "cpu"], True)):
        alone, planned = (tiny.result(program, "plan", "--model", folder, "--device", "cpu", "--json", *more, *ranks)
                          for ranks in ((), group))
        tiny.expect("ranks" not in alone and (planned["ranks"]["gathers_per_pass"] > 0) == gathers,
                    f"{more}: planned {planned}, alone {alone}")


def launchers(program, folder, prompts, expected):
    """torchrun and mpirun, with fewer prompts than ranks."""
    torchrun = pathlib.Path(sys.executable).parent / "torchrun"
    for launcher, ranks in (
            ([torchrun, "--nproc-per-node", 2, "--master-port", free_port(), "--no-python"], 2),
            (["mpirun", "--allow-run-as-root", "--oversubscribe", "-n", 2], 2),
            ([], 1)):
        for count in (4, 1):
            words = generate(program, folder, prompts[:count], 12, "--offload", "cpu", *CUT)
            out = json.loads(launched([*launcher, *words]))
            tiny.expect(out["output_ids"] == expected[:count],
                        f"{launcher} {count}: {out['output_ids']}, not {expected[:count]}")
            tiny.expect(len(out["report"].get("ranks", [0])) == ranks, f"{launcher}: {out['report']}")


def same_texts(program, folder, model):
    """Text prompts that rank 0 reads from standard input, fewer than ranks and more; and one that is printed
    as it is made."""
    prompts = [tiny.prompt(length, 509, seed=length) for length in (5, 3, 9)]
    lines = [" ".join(f"w{token}" for token in prompt) for prompt in prompts]
    words = [program, "generate", "--model", folder, "--device", "cpu", "--threads", "1", "--offload", "cpu",
             "--max-new-tokens", "6", "--ignore-eos", *CUT]
    expected, texts = [tiny.greedy(model, prompt, 6) for prompt in prompts], None
    for ranks in (1, 2, 4):
        out = json.loads(launched([*words, "--prompt-file", "-", "--json", "--ranks", ranks],
                                  "\n".join(lines)))
        texts = texts or out["text"]
        tiny.expect((out["output_ids"], out["text"]) == (expected, texts), f"{ranks} ranks: {out}")
        tiny.expect(out["prompt_tokens"] == [5, 3, 9], f"{ranks} ranks: {out}")
    text = launched([*words, "--prompt", lines[0], "--ranks", 2])
    tiny.expect(text == texts[0] + "\n", f"printed {text!r}, not {texts[0]!r}")


def same_numbers(program, folder):
    """Perplexity of windows that are dealt to the ranks, logits that rank 0 computes, and bench."""
    text = folder / "text"
    text.write_text(" ".join(f"w{i * 7 % 509}" for i in range(100)))
    common = ["--model", folder, "--device", "cpu", "--threads", "1", "--offload", "cpu", *CUT]
    words = [program, "perplexity", *common, "--text-file", text, "--context", "12", "--json"]
    alone = json.loads(launched(words))
    for count in (1, 3):
        ranks = json.loads(launched([*words, "--ranks", count]))
        tiny.expect(alone == ranks, f"perplexity: alone {alone}, {count} ranks {ranks}")
    files = [folder / "alone", folder / "ranks"]
    for file, ranks in zip(files, ([], ["--ranks", 2])):
        launched([program, "logits", *common, "--input-ids", "1,2,3,4,5", "--output", file, *ranks])
    tiny.expect(files[0].read_bytes() == files[1].read_bytes(), "logits of 2 ranks differ")
    out = json.loads(launched([program, "bench", *common, "--dummy", "--batch-size", "3", "--prompt-len", "4",
                               "--gen-len", "3", "--loops", "2", "--json", "--ranks", "2"]))
    tiny.expect(len(out["loops"]) == 2 and len(out["report"]["ranks"]) == 2, f"bench: {out}")
    last = out["loops"][-1]
    tiny.expect(abs(last["total_tokens_per_s"] * last["total_latency_s"] - 9) < 1e-6, f"bench: {last}")


def main():
    program, *ggufs = sys.argv[1:]
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder, hidden_size=768, intermediate_size=2048, head_dim=64,
                          num_attention_heads=12, num_key_value_heads=6, vocab_size=3000,
                          attention_bias=False, mlp_bias=False)
        prompts = [tiny.prompt(length, 3000, seed=length) for length in (9, 17)]
        expected = [tiny.greedy(model, prompt, 6) for prompt in prompts]
        check(program, folder, folder / "model.safetensors", prompts, 6, expected)
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        folder, prompts, expected = experts(program, pathlib.Path(temporary))
        launchers(program, folder, prompts, expected)
        group_of_one(program, folder, prompts)
    with tempfile.TemporaryDirectory(dir=pathlib.Path(program).parent) as temporary:
        folder = pathlib.Path(temporary)
        model = tiny.save(folder)
        tiny.save_tokenizer(folder)
        same_texts(program, folder, model)
        same_numbers(program, folder)
        group_of_one(program, folder, [tiny.prompt(length, 509, seed=length) for length in (5, 3, 9)])
    for gguf in map(pathlib.Path, ggufs):
        check(program, gguf, gguf, [[1, 4093, 198, 2, 198, 1, 1520, 198]], 8)


main()
