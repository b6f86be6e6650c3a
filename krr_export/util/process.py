"""Settings of our own process: Arrow, malloc, core dumps. A library must not change them in a host program."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from importlib.abc import MetaPathFinder

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def configure_arrow() -> None:
    """Configure this process, before Arrow is loaded, so that Arrow starts quickly and returns memory."""
    # Arrow's own allocator retains much of what was freed; the system's returns it: 80 MB less in the process tree.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # The unused allocator would still start a thread, and print a warning where it may not.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    # numpy's linear algebra, which is not used here, starts a thread for each processor; they wait by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, _PandasBlocker())


def allow_pandas() -> None:
    """Let pandas be loaded after all, by the few commands that use it."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _PandasBlocker)]


def configure_malloc() -> None:
    """Fix glibc's malloc thresholds, so that the largest blocks are always returned to the system.

    Each time a large block is freed, glibc raises the size from which blocks are returned, up to 32 MB (mallopt(3)).
    Smaller blocks stay in a heap that grows from row group to row group: a fifth more memory for eight times the
    records. An explicit threshold is never raised. This one is above the size of a block of input, which would
    otherwise be new memory each time, cleared by the system page by page: a third of a run. It is below the size of a
    row group's columns. For the same reason the heap retains the memory of a few blocks.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 8 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def disable_core_dumps() -> None:
    """Disable core dumps: the memory of this process contains the decrypted register."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


class _PandasBlocker(MetaPathFinder):
    """Import hook that reports pandas as missing.

    At its first array Arrow imports pandas to check whether the array is a pandas one: 0.4 s and 25 MB for each
    process, hardly any of which uses pandas.
    """

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
