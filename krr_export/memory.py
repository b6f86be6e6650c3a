"""Peak memory of this process and its children, as the sum of their proportional set sizes (PSS)."""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path

_SECONDS_BETWEEN = 0.5
"""Looking costs milliseconds, for the system walks every page: a hundredth of a run at this interval."""


class PeakMemory:
    """Samples the process tree's memory, seldom enough to cost nothing."""

    def __init__(self) -> None:
        self.peak = 0
        """Bytes; where the system has no PSS, the largest resident set of one process."""
        self._next = 0.0

    def sample(self, *, now: bool = False) -> None:
        """Look at the memory, unless that was done a moment ago and ``now`` does not insist."""
        if not now and time.monotonic() < self._next:
            return
        self.peak = max(self.peak, _tree_memory())
        self._next = time.monotonic() + _SECONDS_BETWEEN


def _tree_memory() -> int:
    own = _pss("self")
    if own is None:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return own + sum(_pss(child) or 0 for child in _children())


def _children() -> list[str]:
    # The tree is one deep: workers start nothing.
    tasks = Path("/proc/self/task").glob("*/children")
    return [child for task in tasks for child in _read(task).split()]


def _pss(process: str) -> int | None:
    for line in _read(Path("/proc") / process / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process is gone, or this is not Linux
        return ""
