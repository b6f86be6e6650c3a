"""While a delivery is read, nothing decrypted is in any file but the snapshot, and no secret where others can look."""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import deliveries
import discretion
import pytest

from krr_export.synthetic import SampleOptions, write_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STORED = 6 << 20
"""So much of the export is in its gzip as it is: more than a block."""


@dataclass(frozen=True)
class Large:
    """A set of several blocks.

    Attributes:
        inbox: where it is.
        xml: what it holds.
        packed: the same as gzip.
        keys: the options that open it.
        locked: the same, with a private key that needs a passphrase.
    """

    inbox: Path
    xml: bytes
    packed: bytes
    keys: tuple[str, ...]
    locked: tuple[str, ...]


@pytest.fixture(scope="module")
def xml() -> bytes:
    out = BytesIO()
    write_sample(out, SampleOptions(9000, seed=5, certificates=0))
    return out.getvalue()


@pytest.fixture(scope="module")
def packed(xml: bytes) -> bytes:
    """In two members: the first stored, the second compressed."""
    return gzip.compress(xml[:STORED], 0, mtime=0) + gzip.compress(xml[STORED:], mtime=0)


@pytest.fixture
def large(tmp_path: Path, xml: bytes, packed: bytes) -> Large:
    discretion.plant_persons(xml[: 1 << 18])  # more would only take longer to look for
    inbox = deliveries.make_set_of(tmp_path / "inbox", packed).parent
    keys, locked = deliveries.keys_in(tmp_path / "keys"), tmp_path / "locked.pem"
    secret = f"pass:{deliveries.PASSPHRASE.decode()}"
    deliveries.openssl("pkcs8", "-topk8", "-in", keys.private_key, "-out", locked, "-passout", secret)
    certificate = ("--publisher-cert", str(keys.publisher_cert))
    return Large(
        inbox,
        xml,
        packed,
        ("--private-key", str(keys.private_key), *certificate, "--workers", "2"),
        ("--private-key", str(locked), *certificate, "--workers", "2"),
    )


# What others can see of a process.


def test_no_process_shows_a_secret_in_its_title_or_its_environment(large: Large, tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(deliveries.PASSPHRASE + b"\n")
    shown = _shown("validate", large.inbox, *large.locked, "--passphrase-file", passphrase)
    assert any("validate" in title for title, _ in shown)
    assert [text for text in shown if deliveries.PASSPHRASE.decode() in "".join(text)] == []


def _shown(*arguments: str | Path, **options: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - those of Popen
    """Command line and environment of each process of a run that must succeed, whenever one looked."""
    shown: set[tuple[str, str]] = set()
    with command.started(*arguments, **options) as process:
        while process.poll() is None:
            for pid in _tree(process.pid):
                # In this order: before it becomes a worker, a process is a copy of the one that starts it.
                title = "\0".join(_read(f"/proc/{pid}/{name}") for name in ("cmdline", "comm"))
                shown.add((title, _read(f"/proc/{pid}/environ")))
        out, err = process.communicate()
    discretion.hear((out + err).decode())
    assert process.returncode == 0, err
    return shown


def _tree(pid: int) -> list[int]:
    children = [_read(str(task)) for task in Path(f"/proc/{pid}/task").glob("*/children")]
    return [pid, *(below for child in " ".join(children).split() for below in _tree(int(child)))]


def _read(path: str) -> str:
    try:
        return Path(path).read_bytes().decode(errors="replace")
    except OSError:  # the process is gone
        return ""


def test_a_crash_leaves_no_image_of_memory() -> None:
    code = "import resource; from krr_export.util.process import disable_core_dumps; disable_core_dumps();"
    shown = "print(resource.getrlimit(resource.RLIMIT_CORE)[0])"
    assert subprocess.run([sys.executable, "-c", code + shown], capture_output=True, check=True).stdout == b"0\n"


# What is written, and where.


def _flip(large: Large) -> None:
    data = next(large.inbox.glob("*.gz.enc"))
    before = data.read_bytes()
    data.write_bytes(before[:5000] + bytes([before[5000] ^ 1]) + before[5001:])


def _mix_up(large: Large) -> None:
    """Another set's key, which is for us too: only what it decrypts to tells."""
    other = deliveries.make_set_of(large.inbox.parent / "another", large.packed[:1000])
    shutil.copy(next(other.parent.glob("*.key.*")), large.inbox)


def _end_early(large: Large) -> None:
    """Signed so: it is decrypted to its end before that tells."""
    deliveries.make_set_of(large.inbox, large.packed[:-9])


@dataclass(frozen=True)
class _Case:
    change: Callable[[Large], object]
    code: int
    decrypted: bool


CASES = {
    "as it should be": _Case(lambda _large: None, 0, decrypted=True),
    "changed data": _Case(_flip, 3, decrypted=False),
    "the key of another set": _Case(_mix_up, 3, decrypted=False),
    "a gzip that ends early": _Case(_end_early, 3, decrypted=True),
}
WATCH = (
    "strace", "-f", "-qq", "-y", "--seccomp-bpf", "-s", "4096", "-e",
    "trace=%file,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,splice,tee,vmsplice,mmap,io_uring_setup",
)  # fmt: skip
_CALL = re.compile(r"^\d+ +(\w+)\((.*)", re.MULTILINE)
_DESCRIPTOR = re.compile(r"\d+<([^>]*)>")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_MAKES = ("creat", "rename", "link", "mknod", "truncate")
_WRITES = ("write", "pwrite", "sendfile", "copy_file_range", "splice", "tee", "vmsplice")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
@pytest.mark.parametrize("case", CASES)
def test_nothing_decrypted_is_ever_in_a_file_but_the_snapshot(case: str, large: Large, tmp_path: Path) -> None:
    CASES[case].change(large)
    before, store, log = command.contents(tmp_path), tmp_path / "store", tmp_path / "strace"
    calls = _watched(log, CASES[case].code, "convert", large.inbox, store, *large.keys)
    assert sum(name == "execve" for name, _ in calls) == 1, "nobody else is given anything"
    touched = set(_touched(calls))
    assert {path for path in touched if not _is_harmless(path) and not Path(path).is_relative_to(store)} == set()
    assert bool([*store.glob("eksport=*")]) == (CASES[case].code == 0)
    log.unlink()
    after = command.contents(tmp_path)
    assert {path: found for path, found in after.items() if path.split("/")[0] != "store"} == before
    assert [path for path in store.rglob("*") if path.is_file() and _holds_pieces(path, large)] == []


def test_the_watch_sees_what_it_looks_for(large: Large, tmp_path: Path) -> None:
    for name, data in (("xml", large.xml), ("gzip", large.packed), ("piece", large.packed[STORED + 100_000 :])):
        (tmp_path / name).write_bytes(data)
        assert _holds_pieces(tmp_path / name, large)
    seen = [
        ("openat", 'AT_FDCWD</any>, "a", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 3</any/a>'),
        ("openat", 'AT_FDCWD</any>, "not", O_RDONLY|O_CLOEXEC) = 3</any/not>'),
        ("pwrite64", '5</any/b>, "4</any/not>, \\"5</any/not>"..., 40000, 0 <unfinished ...>'),
        ("sendfile", "6</any/c>, 7</any/d>, NULL, 4096) = 4096"),
        ("mmap", "NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</any/e>, 0) = 0x7f0000000000"),
        ("mmap", "NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE, 3</any/not>, 0) = 0x7f0000000000"),
        ("rename", '"f", "g") = 0'),
        ("symlinkat", '"not", AT_FDCWD</any>, "h") = 0'),
    ]
    assert sorted(_touched(seen)) == ["/any/b", "/any/c", "/any/d", "/any/e", "a", "f", "g", "h"]


def _watched(log: Path, code: int, *arguments: str | Path) -> list[tuple[str, str]]:
    """The calls of a run and its workers, by name; with what follows in its line."""
    (log.parent / "tmp").mkdir()
    done = subprocess.run(
        [*WATCH, "-o", str(log), *command.PROGRAM, *map(str, arguments)],
        env=command.environment(TMPDIR=str(log.parent / "tmp")), capture_output=True, check=False,
        cwd=log.parent / "tmp",
    )  # fmt: skip
    (log.parent / "tmp").rmdir()
    said = (done.stdout + done.stderr).decode()
    discretion.hear(said)
    assert done.returncode == code, said
    return _CALL.findall(log.read_text(errors="replace"))


def _touched(calls: list[tuple[str, str]]) -> Iterator[str]:
    """The paths of files that are made, renamed, opened for writing, written to or mapped for it, or were to be."""
    for name, rest in calls:
        descriptors = _DESCRIPTOR.findall(_STRING.sub("", rest.split(" = ")[0] if name != "mmap" else rest))
        if name.startswith(_MAKES) or (
            name.startswith("open") and re.search("O_WRONLY|O_RDWR|O_CREAT|O_TMPFILE|O_TRUNC", rest)
        ):
            yield from _STRING.findall(rest)
        elif name.startswith(_WRITES) or (name == "mmap" and "PROT_WRITE" in rest and "MAP_SHARED" in rest):
            yield from descriptors
        elif name.startswith("symlink"):
            yield _STRING.findall(rest)[-1]  # before it stands where it leads
        elif name == "io_uring_setup":
            yield name  # through which one may write without any of these calls


def _is_harmless(path: str) -> bool:
    """What is no file of a disk; and the modules that Python compiles."""
    in_memory = path.startswith(("/memfd:", "pipe:", "socket:", "/dev/null"))
    return in_memory or re.search(r"/__pycache__/[\w.-]+\.pyc(\.\d+)?$", path) is not None


def _holds_pieces(path: Path, large: Large) -> bool:
    """Whether a file has some of the export, as XML or as gzip."""
    data = path.read_bytes()
    return any(piece in data for whole in (large.xml, large.packed) for piece in _pieces(whole))


def _pieces(whole: bytes) -> Iterator[bytes]:
    yield from (whole[at : at + 64] for at in range(0, len(whole), 1 << 16))
