"""A 175B shape is planned by shape functions alone: no weights, no LibTorch.

usage: plan_test.py STRATA
"""

import json
import os
import pathlib
import sys
import tempfile

import tiny

V, D, F, L, H = 50272, 12288, 49152, 96, 96
SHAPE = dict(model_type="llama", architectures=["LlamaForCausalLM"], vocab_size=V, hidden_size=D,
             intermediate_size=F // 3 * 2, num_hidden_layers=L, num_attention_heads=H,
             num_key_value_heads=H, max_position_embeddings=2048, rms_norm_eps=1e-5,
             rope_theta=10000.0, hidden_act="silu", tie_word_embeddings=False,
             torch_dtype="bfloat16")
ELEMENTS = 2 * V * D + D + L * (4 * D * D + 3 * D * (F // 3 * 2) + 2 * D)


def loaded(trace):
    """The libraries that the dynamic loader loaded, by its own report (LD_DEBUG)."""
    return [line.split("calling init:")[1].strip() for file in trace.parent.glob(trace.name + ".*")
            for line in file.read_text().splitlines() if "calling init:" in line]


def main():
    strata = sys.argv[1]
    tiny.expect(1.7e11 < ELEMENTS < 1.8e11, f"{ELEMENTS} elements are no 175B shape")
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        (folder / "config.json").write_text(json.dumps(SHAPE))
        trace = folder / "trace"
        done = tiny.run(strata, "plan", "--model", folder / "config.json", "--device", "cpu",
                        "--offload", "nvme", "--device-memory", "24GiB", "--json",
                        env={**os.environ, "LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(trace)})
        plan = json.loads(done.stdout)
        libraries = loaded(trace)
    weights = plan["weights"]
    tiny.expect(weights["bytes"] == 2 * ELEMENTS and weights["exact"] is False,
                f"{weights}, not {2 * ELEMENTS} bytes")
    tiny.expect(0 < plan["peak"]["device"]["bytes"] <= 24 << 30, plan["peak"])
    tiny.expect(all(plan["predicted"][key] > 0 for key in ("prefill_s", "decode_s")), plan)
    tiny.expect(any("strata-model-" in name for name in libraries), f"no family in {libraries}")
    torch = [name for name in libraries if "torch" in name or "c10" in name]
    tiny.expect(not torch, f"the process loaded {torch}")
    print(json.dumps(plan), f"{len(libraries)} libraries, none of LibTorch's", sep="\n")


main()
