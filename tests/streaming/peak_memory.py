"""A run holds in host memory what its tiers hold, besides LibTorch and the arena of the device."""

from program import OFFLOADS, check, command, result, streamed

HELD = ("cpu", "pinned")
for arguments in (command("--offload", "device", tokens=2), command("--offload", "cpu", tokens=2),
                  *(streamed(offload, tokens=2) for offload in OFFLOADS)):
    report = result(arguments)["report"]
    peak = report["peak"]
    held = sum(report["tiers"].get(tier, {"bytes": 0})["bytes"] for tier in HELD)
    taken = peak["host"]["bytes"] - peak["host"]["start"] - peak["arena"]["bytes"]
    most = 1.01 * held + (128 << 20)
    check(0 < peak["host"]["start"] and taken <= most,
          f"{arguments[-4:]}: {taken} bytes beside the arena, at most {most:.0f}")
