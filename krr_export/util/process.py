"""How programs of ours set up their process: Arrow lean, memory flat, no core file. No library may do so to a host."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from importlib.abc import MetaPathFinder

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


def keep_arrow_lean() -> None:
    """Set up this process, which is ours alone, so that Arrow starts quickly and gives memory back."""
    # Arrow's own allocator keeps much of what was freed; the system's returns it: 80 MB less in the process tree.
    os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    # The allocator that is not used would still start a thread, and complain where it may not.
    os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
    # numpy's linear algebra, which nothing here uses, starts a thread for each processor; they wait by spinning.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    sys.meta_path.insert(0, _WithoutPandas())


def keep_heap_flat() -> None:
    """Let the C library go on giving the largest blocks back to the system, however long this process, ours, may run.

    Each time a large block is freed, glibc raises the size from which blocks are given back, up to 32 MB (mallopt(3)).
    What lies below stays in a heap that grows from row group to row group: a fifth more memory for eight times the
    records. Naming a size keeps it there. This one is above a block, which would otherwise be new memory each time,
    cleared by the system page by page: a third of a run; and below a row group's columns. For the same reason the heap
    keeps what a few blocks take.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, 8 << 20)
        mallopt(_M_TRIM_THRESHOLD, 64 << 20)


def leave_no_core() -> None:
    """Let a crash leave no image of this process's memory in a file: it holds the register, decrypted."""
    _, most = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, most))


class _WithoutPandas(MetaPathFinder):
    """Says that there is no pandas.

    At its first array Arrow looks whether it might be one of pandas, and imports pandas to see: 0.4 s and 25 MB for
    each process, none of which uses it.
    """

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name=name)
