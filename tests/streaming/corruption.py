"""One bit changed in one transfer changes the logits; none changed changes nothing."""

import pathlib
import subprocess
import tempfile

from program import BUDGET, FLIP, MODEL, PROGRAM, PROMPT, check


def logits(folder, *more):
    output = pathlib.Path(folder, "logits.safetensors")
    subprocess.run([PROGRAM, "logits", "--model", MODEL, "--input-ids", PROMPT, "--output", output,
                    "--dtype", "float32", "--device", "cpu", "--threads", "2", *more], check=True,
                   timeout=300)
    return output.read_bytes()


with tempfile.TemporaryDirectory() as folder:
    # The head is computed in the same tiles, because other tiles round differently.
    usual = logits(folder, "--offload", "nvme", "--device-memory", str(BUDGET))
    flip = ("--plugin", FLIP, "--offload", "flip", "--device-memory", str(BUDGET))
    check(logits(folder, *flip) == usual, "the same logits where no bit is changed")
    for transfer in (7, 30):
        changed = logits(folder, *flip, "--set", f"offload.flip.transfer={transfer}")
        check(changed != usual, f"other logits where a bit of transfer {transfer} is changed")
