"""States of the optimizer on the device, for the cases of finetune_test.py."""

from tested import need

DEVICE = ("--offload-optimizer", "device")
HALF = ("--set", "train.offload_optimizer_ratio=0.5")


def placements(checked):
    """States that lie on the device, all or a part of them, change no bit, and neither does a run that is resumed
    with other places."""
    run = checked.run
    whole = run("out")
    checked.compare(whole)
    need(whole["report"]["device"]["states"] == 0, "states are on the device by default")
    least = checked.program.least_memory(lambda *more: run("least", *DEVICE, *more))
    saved = run("saved", *DEVICE, "--save-every", 4, "--device-memory", least)
    checked.same_bits("on the device", saved["steps"], saved, whole)
    peak = saved["report"]["peak"]["device"]
    need(saved["report"]["device"]["states"] < peak["planned"] <= least, f"the device held {peak} of {least}")
    part = run("half", *HALF)
    checked.same_bits("a half on the device", part["steps"], part, whole)
    bytes_of = [made["report"]["device"]["states"] for made in (part, saved)]
    need(0 < bytes_of[0] <= bytes_of[1], f"states on the device: {bytes_of}")  # experts are not there
    need(saved["report"]["host"]["states"] <= part["report"]["host"]["states"]
         < whole["report"]["host"]["states"], "the host holds as many states as without")
    for name, at, words in (("host", 4, ()), ("half again", 8, HALF)):
        rest = run(name, "--resume", checked.folder / "saved" / f"checkpoint-{at}", *words)
        checked.same_bits(name, whole["steps"][:at] + rest["steps"], rest, whole)
    first = run("parts", "--bench-steps", 8, "--save-checkpoint")
    rest = run("parts", "--resume", "latest", *DEVICE)
    checked.same_bits("from the host to the device", first["steps"] + rest["steps"], rest, whole)
