"""Every tier, within a budget and without one, gives the resident run's tokens; so does a repeat."""

from program import OFFLOADS, check, command, result, streamed

resident = result(command("--offload", "device"))["output_ids"]
runs = [streamed(offload) for offload in OFFLOADS]
runs += [streamed("nvme"), command("--offload", "cpu"), command("--offload", "nvme")]
for arguments in runs:
    out = result(arguments)
    check(out["output_ids"] == resident, f"the resident run's tokens: {arguments[-4:]}")
    moved = out["report"]["moved"]
    for part in ("prefill", "decode"):
        counted, planned = moved[part]["counted"], moved[part]["planned"]
        check(counted == planned > 0, f"{part} moved {counted} bytes, planned {planned}")
