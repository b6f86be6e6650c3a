"""What of a directory would outlast a power failure at each moment of a run, as its system calls tell."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import command
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_CALLS = (
    "openat,creat,write,pwrite64,writev,ftruncate,fsync,fdatasync,mkdir,mkdirat,"
    "rename,renameat,renameat2,symlink,symlinkat,link,linkat,unlink,unlinkat,rmdir"
)
_LINE = re.compile(r"^(?P<pid>\d+) +(?P<call>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)", re.DOTALL)
_PATH = re.compile(r'(?:(?:AT_FDCWD|\d+)<(?P<at>[^>]*)>, )?"(?P<path>[^"]*)"')
_OPEN_FILE = re.compile(r"^\d+<([^>]*)>")


class Disk:
    """A directory whose contents are on the disk at first; told of system calls, it knows what is not yet.

    Args:
        root: the directory; what lies elsewhere is not looked at.
        unforced: paths that an earlier run gave to the directories they lie in, and did not force to the disk.
    """

    def __init__(self, root: Path, unforced: tuple[Path, ...] = ()) -> None:
        self._root = root
        self._there = {str(path) for path in (root, *root.rglob("*"))}
        self._old = {path for path in self._there if self._is_visible(path) or "/.staging-" in path or "/.re" in path}
        self._written: set[str] = set()
        """Files whose last bytes are not forced."""
        self._changed: dict[str, set[str]] = defaultdict(set)
        """Directories, and the names in them that came or went and are not forced."""
        for path in unforced:
            self._changed[str(path.parent)].add(str(path))
        self.forced: list[str] = []
        """What was forced, in order."""
        self.named: dict[str, set[str]] = {}
        """What came to be seen by a rename, and what else that is seen was not forced then."""
        self.faults: list[str] = []
        """Where something was promised or deleted before what it rests on was sure to last."""

    def unforced(self) -> set[str]:
        """What others see, and what a power failure could take from them; relative to the root."""
        entries = {path for paths in self._changed.values() for path in paths}
        return {self._name(path) for path in self._written | entries if self._is_visible(path)}

    def heed(self, call: str, arguments: str) -> None:
        """Follow one system call that succeeded."""
        opened = _OPEN_FILE.match(arguments)
        paths = [os.path.normpath(Path(at or self._root, path)) for at, path in _PATH.findall(arguments)]
        match call:
            case "fsync" | "fdatasync" if opened:
                self._force(opened[1])
            case "write" | "pwrite64" | "writev" | "ftruncate" if opened and self._is_inside(opened[1]):
                self._written.add(opened[1])
            case "openat" | "creat" if call == "creat" or "O_CREAT" in arguments:
                self._come(paths[0])
                if "O_TRUNC" in arguments:
                    self._written.add(paths[0])
            case "mkdir" | "mkdirat":
                self._come(paths[0])
            case "symlink" | "symlinkat":
                self._come(paths[-1])
            case "link" | "linkat":
                self._come(paths[1])
            case "rename" | "renameat" | "renameat2":
                self._rename(paths[0], paths[1], exchange="RENAME_EXCHANGE" in arguments)
            case "unlink" | "unlinkat" | "rmdir":
                self._delete(paths[0])

    def _force(self, path: str) -> None:
        self._written.discard(path)
        self._changed.pop(path, None)
        if self._is_inside(path):
            self.forced.append(self._name(path))

    def _come(self, path: str) -> None:
        if self._is_inside(path) and path not in self._there:
            self._there.add(path)
            self._changed[str(Path(path).parent)].add(path)

    def _rename(self, one: str, other: str, *, exchange: bool) -> None:
        if not self._is_inside(other):
            return
        if self._is_visible(other) and (rests := self._beneath(one)):
            self.faults.append(f"{self._name(other)} got its name before this was forced: {sorted(rests)}")
        if self._is_visible(other):
            self.named[self._name(other)] = self.unforced()
        if not exchange:
            self._move(other, f"{other} (overwritten)")
        self._move(one, "exchanged")
        if exchange:
            self._move(other, one)
        self._move("exchanged", other)
        gone = {one} if self._is_visible(one) else set()
        self._changed[str(Path(one).parent)] -= {one}
        self._changed[str(Path(one).parent)] |= gone
        self._changed[str(Path(other).parent)].add(other)

    def _delete(self, path: str) -> None:
        if path in self._old and (rests := self.unforced()):
            self.faults.append(f"{self._name(path)} was deleted before this was forced: {sorted(rests)}")
        self._there.discard(path)
        self._written.discard(path)
        self._changed.pop(path, None)
        if not self._is_visible(path):
            self._changed[str(Path(path).parent)].discard(path)

    def _beneath(self, top: str) -> set[str]:
        entries = {path for paths in self._changed.values() for path in paths if path != top}
        return {self._name(path) for path in self._written | entries if f"{path}/".startswith(f"{top}/")}

    def _move(self, source: str, target: str) -> None:
        """Let all that is known of a path and what lies beneath be known under another name."""

        def moved(path: str) -> str:
            return target + path[len(source) :] if f"{path}/".startswith(f"{source}/") else path

        self._there, self._old, self._written = (
            {moved(path) for path in paths} for paths in (self._there, self._old, self._written)
        )
        changed = [(moved(directory), {moved(path) for path in paths}) for directory, paths in self._changed.items()]
        self._changed = defaultdict(set)
        for directory, paths in changed:
            self._changed[directory] |= paths

    def _is_inside(self, path: str) -> bool:
        return f"{path}/".startswith(f"{self._root}/")

    def _is_visible(self, path: str) -> bool:
        """Whether others look there: not under names that begin with a dot, but for those that are documented."""
        parts = Path(path).relative_to(self._root).parts if self._is_inside(path) else (".elsewhere",)
        return all(not part.startswith(".") or part in {".failed", ".partial"} for part in parts)

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self._root)


def followed(
    root: Path, log: Path, *arguments: str | Path, unforced: tuple[Path, ...] = (), inject: str = ""
) -> tuple[Disk, int]:
    """Run the program under ``strace``; what became of the disk beneath ``root``, and the exit code.

    Args:
        root: what is looked at.
        log: a file outside of it.
        arguments: the program's.
        unforced: as for `Disk`.
        inject: what the system is to answer, as ``strace -e inject`` wants it.
    """
    disk = Disk(root, unforced)
    tracing = ["strace", "-f", "-qq", "-y", "--seccomp-bpf", "-s", "0", "-o", str(log), "-e", f"trace={_CALLS}"]
    if inject:
        tracing += ["-e", f"inject={inject}"]
    ran = subprocess.run(
        [*tracing, *command.PROGRAM, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env=command.environment(),
    )
    if "PTRACE" in ran.stderr:
        pytest.skip("strace may not trace other processes here")
    for call, told in _calls(log.read_text(errors="surrogateescape")):
        disk.heed(call, told)
    return disk, ran.returncode


def _calls(log: str) -> Iterator[tuple[str, str]]:
    """The calls that succeeded, in the order of their ends."""
    begun: dict[str, str] = {}
    for line in log.splitlines():
        pid = line.split(" ", 1)[0]
        if line.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix("<unfinished ...>").rstrip()
            continue
        whole = re.sub(r"^\d+ +<\.\.\. \w+ resumed>", lambda _: begun.pop(pid, ""), line)  # noqa: B023 - called at once
        found = _LINE.match(whole)
        if found and not found["result"].startswith("-"):
            yield found["call"], found["arguments"]
