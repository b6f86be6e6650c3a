"""As many workers as a container may keep busy: its quota is found in control groups of both versions."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from krr_export.util import processors
from krr_export.util.processors import MAX_WORKERS, default_workers, usable_processors

if TYPE_CHECKING:
    from pathlib import Path

HOST = 64


@pytest.fixture(autouse=True)
def _a_large_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(HOST)), raising=False)


def process(directory: Path, own: str, mounts: str, **files: str) -> Path:
    """A made-up process and its control groups: files by their path."""
    (directory / "proc").mkdir()
    (directory / "proc/cgroup").write_text(own)
    (directory / "proc/mountinfo").write_text(mounts.replace("@", str(directory).replace(" ", "\\040")))
    for path, text in files.items():
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return directory / "proc"


V2 = "30 23 0:26 / @/fs rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "31 23 0:27 / @/fs rw - tmpfs tmpfs ro,mode=755\n"
    "32 31 0:28 {root} @/fs/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:29 {root} @/fs/cpuset rw - cgroup cgroup rw,cpuset\n"
)


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("0::/\n", {"fs/cpu.max": "200000 100000\n"}, 2),
        ("0::/\n", {"fs/cpu.max": "150000 100000\n"}, 2),
        ("0::/\n", {"fs/cpu.max": "10000 100000\n"}, 1),
        ("0::/\n", {"fs/cpu.max": "25000 12500\n"}, 2),
        ("0::/\n", {"fs/cpu.max": "max 100000\n"}, HOST),
        ("0::/\n", {"fs/cpu.max": "9900000 100000\n"}, HOST),
        ("0::/\n", {"fs/cpu.max": "\n"}, HOST),
        ("0::/\n", {}, HOST),
        ("0::/a/b\n", {"fs/a/cpu.max": "300000 100000\n", "fs/a/b/cpu.max": "max 100000\n"}, 3),
        ("0::/a/b\n", {"fs/a/cpu.max": "300000 100000\n", "fs/a/b/cpu.max": "500000 100000\n"}, 3),
        ("0::/a/b\n", {"fs/a/cpu.max": "700000 100000\n", "fs/a/b/cpu.max": "500000 100000\n"}, 5),
        ("0::/a\n", {"fs/beside/cpu.max": "100000 100000\n"}, HOST),
        ("0::/../../elsewhere\n", {"fs/cpu.max": "400000 100000\n"}, 4),
    ],
)
def test_version_2(tmp_path: Path, own: str, files: dict[str, str], expected: int) -> None:
    assert usable_processors(process(tmp_path, own, V2, **files)) == expected


@pytest.mark.parametrize(
    ("own", "mounted", "quota", "expected"),
    [
        ("/docker/c0", ("/docker/c0", ""), "200000", 2),  # a container that sees the host's paths
        ("/", ("/", ""), "200000", 2),  # one with a namespace of its own
        ("/a/b", ("/", "/a"), "250000", 3),  # a limit around the group
        ("/", ("/", ""), "-1", HOST),
        ("/elsewhere", ("/docker/c0", ""), "100000", 1),
    ],
)
def test_version_1(tmp_path: Path, own: str, mounted: tuple[str, str], quota: str, expected: int) -> None:
    root, group = mounted
    lines = f"5:cpuset:{own}\n4:cpu,cpuacct:{own}\n1:name=systemd:/x\n"
    directory = f"fs/cpu,cpuacct{group}"
    files = {f"{directory}/cpu.cfs_quota_us": quota, f"{directory}/cpu.cfs_period_us": "100000"}
    assert usable_processors(process(tmp_path, lines, V1.format(root=root), **files)) == expected


def test_both_versions_at_once_and_the_stricter_holds(tmp_path: Path) -> None:
    files = {
        "fs/unified/cpu.max": "500000 100000",
        "fs/cpu,cpuacct/cpu.cfs_quota_us": "300000",
        "fs/cpu,cpuacct/cpu.cfs_period_us": "100000",
    }
    mounts = V1.format(root="/") + V2.replace("@/fs", "@/fs/unified")
    assert usable_processors(process(tmp_path, "4:cpu,cpuacct:/\n0::/\n", mounts, **files)) == 3


def test_a_mount_with_a_space_in_its_name(tmp_path: Path) -> None:
    directory = tmp_path / "with space"
    directory.mkdir()
    assert usable_processors(process(directory, "0::/\n", V2, **{"fs/cpu.max": "200000 100000"})) == 2


def test_without_proc_the_affinity_holds(tmp_path: Path) -> None:
    assert usable_processors(tmp_path / "none") == HOST


def test_a_large_host_starts_no_more_workers_than_one_writer_can_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processors, "usable_processors", lambda: HOST)
    assert default_workers() == MAX_WORKERS
    monkeypatch.setattr(processors, "usable_processors", lambda: 3)
    assert default_workers() == 3
