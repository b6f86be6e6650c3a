"""The machine and the versions that figures were measured with."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from lxml import etree

_PACKAGES = ("krr-export", "lxml", "pyarrow", "isal", "xml2arrow", "pandas", "xmlschema", "pyspark")
_BUSY = 0.05
"""The share of the processors' time that a quiet machine may use."""
_LOOK = 0.5


def machine() -> dict[str, str]:
    """What the processes run on, for people."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": f"{len(os.sched_getaffinity(0))} x {_processor()}",
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of everything that is measured; what is missing is left out."""
    found = {"python": platform.python_version(), "libxml2 in lxml": ".".join(map(str, etree.LIBXML_VERSION))}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    if text := _said("xmllint", "--version"):
        number = int(text.splitlines()[0].rpartition(" ")[2])  # such as 20914
        found["libxml2 in xmllint"] = f"{number // 10_000}.{number // 100 % 100}.{number % 100}"
    if text := _said("git", "describe", "--always", "--dirty"):
        found["commit"] = text
    return found


def busy() -> str | None:
    """Why figures measured now would be worth little, if they would. Takes half a second."""
    before = _processor_time()
    time.sleep(_LOOK)
    working, all_time = (after - before for after, before in zip(_processor_time(), before, strict=True))
    share = working / all_time if all_time else 0.0
    return f"others use {share:.0%} of the processors" if share > _BUSY else None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")


def _processor_time() -> tuple[int, int]:
    """What all processes used, and all there was, in ticks; zero where the system does not say."""
    try:
        text = Path("/proc/stat").read_text().partition("\n")[0]
    except OSError:
        return 0, 0
    ticks = [int(number) for number in text.split()[1:9]]
    idle, waiting = ticks[3:5]
    return sum(ticks) - idle - waiting, sum(ticks)


def _said(program: str, *arguments: str) -> str:
    """What a program says of itself; nothing where it is not there."""
    if shutil.which(program) is None:
        return ""
    result = subprocess.run(
        [program, *arguments], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return (result.stdout or result.stderr).strip() if result.returncode == 0 else ""
