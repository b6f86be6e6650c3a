"""The number of processors this process may use: its CPU affinity, limited by the container's CPU quota.

A container on a large host sees all of its processors, but is throttled once it has used its quota; more workers then
only take memory. Python reports the affinity, not the quota.
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_WORKERS = 8
"""Default limit of workers: one thread writes what they read, and cannot keep up with more."""

MAX_THREADS = 256
"""The largest number of workers that may be requested: each has a block in memory."""


def default_workers() -> int:
    """Return the number of processors for this process, up to `MAX_WORKERS`."""
    return min(usable_processors(), MAX_WORKERS)


def usable_processors(proc: Path = Path("/proc/self")) -> int:
    """Return the number of processors that this process may use, at least one.

    Args:
        proc: the process's directory in procfs.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    # Part of a processor is one more worker: otherwise the rest of the quota would be idle.
    return max(1, min([allowed, *(math.ceil(quota) for quota in _quotas(proc))]))


def _quotas(proc: Path) -> Iterator[float]:
    """Yield the CPU quota, in processors, of each control group around this process that has one."""
    for mount, group in _cgroups(proc):
        # A group is limited by its parents too.
        for directory in (mount / group, *(mount / parent for parent in group.parents)):
            with suppress(OSError, ValueError, ZeroDivisionError):  # not limited, or not known
                quota, period = _read_quota(directory)
                if quota > 0:
                    yield quota / period


def _read_quota(directory: Path) -> tuple[int, int]:
    """Return quota and period in microseconds, from version 2 or 1 of control groups."""
    if (directory / "cpu.max").exists():
        quota, period = (directory / "cpu.max").read_text().split()
        return int(quota), int(period)  # "max" raises ValueError: not limited
    return int((directory / "cpu.cfs_quota_us").read_text()), int((directory / "cpu.cfs_period_us").read_text())


def _cgroups(proc: Path) -> Iterator[tuple[Path, PurePosixPath]]:
    """Yield each mount of control groups that limit processor time, with this process's group below it."""
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
                yield (
                    Path(_unescape(fields[4])),
                    _relative_group(PurePosixPath(group), PurePosixPath(_unescape(fields[3]))),
                )


def _relative_group(group: PurePosixPath, root: PurePosixPath) -> PurePosixPath:
    """Return a group's path relative to the mount's root; if it is outside, the mount is the container's own group."""
    try:
        path = group.relative_to(root)
    except ValueError:
        return PurePosixPath()
    return PurePosixPath() if ".." in path.parts else path


def _unescape(path: str) -> str:
    """Decode a path from mountinfo, which writes white space as octal numbers."""
    for character in " \t\n\\":
        path = path.replace(f"\\{ord(character):03o}", character)
    return path
