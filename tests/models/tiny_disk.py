"""A disk that is soon full."""

import subprocess


def tiny_disk(test, size):
    """The folder `disk` of the test's: a file system of this many bytes, mounted until the test ends. Without the
    right to mount it the test is skipped."""
    disk = test.folder / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], stderr=subprocess.PIPE,
                             text=True)
    if mounted.returncode != 0:
        test.skipTest(f"needs the right to mount: {mounted.stderr.strip()}")
    test.addCleanup(subprocess.run, ["umount", disk], check=True)
    return disk
