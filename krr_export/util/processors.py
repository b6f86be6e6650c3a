"""How many processors this process may keep busy: those that it may run on, and a container's share of their time.

A container on a large host sees all of its processors, but is stopped once it has used its quota, and more workers only
take memory. Python tells the affinity, not the quota.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_WORKERS = 8
"""Workers that are started where nobody says how many: one process writes what they read, and takes no more."""

MOST_THREADS = 256
"""So many may be asked for: each has a block in memory."""


def default_workers() -> int:
    """As many as there are processors for this process, up to `MOST_WORKERS`."""
    return min(usable_processors(), MOST_WORKERS)


def usable_processors(proc: Path = Path("/proc/self")) -> int:
    """The processors that this process may keep busy, at least one.

    Args:
        proc: where the kernel describes the process.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Part of a processor is one more worker: else what is left of the quota would lie idle.
    return max(1, min([allowed, *(math.ceil(quota) for quota in _quotas(proc))]))


def _quotas(proc: Path) -> Iterator[float]:
    """Processors' worth of time that each control group around this process may use, where it is limited."""
    for mount, group in _groups(proc):
        # A group may use no more than any group around it.
        for directory in (mount / group, *(mount / parent for parent in group.parents)):
            with suppress(OSError, ValueError, ZeroDivisionError):  # not limited, or not told
                quota, period = _limit(directory)
                if quota > 0:
                    yield quota / period


def _limit(directory: Path) -> tuple[int, int]:
    """Microseconds of processor time in each period of so many, by version 2 or 1 of control groups."""
    if (directory / "cpu.max").exists():
        quota, period = (directory / "cpu.max").read_text().split()
        return int(quota), int(period)  # "max" is no number: not limited
    return int((directory / "cpu.cfs_quota_us").read_text()), int((directory / "cpu.cfs_period_us").read_text())


def _groups(proc: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """The mounts of control groups that limit processor time, and this process's group below each."""
    try:
        own = [line.split(":", 2) for line in (proc / "cgroup").read_text().splitlines()]
        mounts = [line.split() for line in (proc / "mountinfo").read_text().splitlines()]
    except OSError:
        return
    for fields in mounts:
        # proc(5): ... root mount-point options, any number of tags, "-", type source options
        kind, *_, options = fields[fields.index("-") + 1 :]
        for _, controllers, group in own:
            of_cpu = kind == "cgroup" and "cpu" in controllers.split(",") and "cpu" in options.split(",")
            if of_cpu or (kind == "cgroup2" and not controllers):
                yield Path(_unescaped(fields[4])), _below(PurePosixPath(group), PurePosixPath(_unescaped(fields[3])))


def _below(group: PurePosixPath, root: PurePosixPath) -> PurePosixPath:
    """A group's path below what is mounted; where it is not below, what is mounted is the container's own."""
    try:
        path = group.relative_to(root)
    except ValueError:
        return PurePosixPath()
    return PurePosixPath() if ".." in path.parts else path


def _unescaped(path: str) -> str:
    """A path as mountinfo writes it, with white space as octal numbers."""
    for character in " \t\n\\":
        path = path.replace(f"\\{ord(character):03o}", character)
    return path
