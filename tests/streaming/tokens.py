"""Every tier, within a budget and without one, gives the resident run's tokens; so does a repeat. From host memory the
CPU computes without moving a byte, unless it is told to copy."""

from program import BUDGET, OFFLOADS, check, command, result, streamed

resident = result(command("--offload", "device"))["output_ids"]
runs = [streamed(offload) for offload in OFFLOADS]
runs += [streamed("nvme"), command("--offload", "nvme")]
in_place = [command("--offload", offload, *budget) for offload in ("cpu", "pinned")
            for budget in ((), ("--device-memory", BUDGET))]
for arguments in runs + in_place:
    out = result(arguments)
    check(out["output_ids"] == resident, f"the resident run's tokens: {arguments[-4:]}")
    moved = out["report"]["moved"]
    for part in ("prefill", "decode"):
        counted, planned = moved[part]["counted"], moved[part]["planned"]
        check(counted == planned and (counted == 0) == (arguments in in_place),
              f"{part} moved {counted} bytes, planned {planned}")
