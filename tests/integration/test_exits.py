"""The exit code is one of ours, whatever ends the program, from its first import to its end in C."""

from __future__ import annotations

import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import command
import pytest

from krr_export.input.sftp import identities, known_hosts

PROGRAM = Path(sysconfig.get_path("scripts")) / "krr-export"
VALID = Path(__file__).parents[2] / "samples" / "valid.xml"


@pytest.mark.parametrize("start", [(PROGRAM,), command.PROGRAM], ids=["script", "module"])
@pytest.mark.parametrize(
    ("package", "does", "ends"),
    [
        (
            "click",
            "import there_is_no_such_thing",
            (70, "the installation is broken: there_is_no_such_thing cannot be"),
        ),
        ("lxml", "raise ImportError('libxml2.so: undefined symbol')", (70, "the installation is broken: ")),
        ("pyarrow", "raise TypeError('of another version')", (70, "a fault of this program: TypeError; please report")),
        ("click", "raise KeyboardInterrupt", (130, "interrupted: ")),
        ("pyarrow", "raise SystemExit(1)", (70, "a fault of this program: SystemExit")),
        ("click", "raise SystemExit(1)", (70, "a fault of this program: SystemExit")),
        ("lxml", "raise MemoryError", (4, "out of memory; ")),
        ("lxml", "raise ImportError from OSError(12, 'no memory')", (4, "out of memory; ")),
        ("numpy", "import ctypes; ctypes.CDLL(None).exit(1)", (4, "out of memory, where a library ends the program; ")),
    ],
)
def test_whatever_happens_to_an_import_ends_in_one_line_and_a_code_that_is_not_1(
    tmp_path: Path, start: tuple[str | Path, ...], package: str, does: str, ends: tuple[int, str]
) -> None:
    (tmp_path / f"{package}.py").write_text(does)
    done = subprocess.run(
        [*start, "convert", VALID, tmp_path / "store", "-q"],
        env=command.environment(PYTHONPATH=str(tmp_path), TMPDIR=str(tmp_path)),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (ends[0], ""), done.stderr
    assert done.stderr.startswith(f"krr-export: {ends[1]}")
    assert done.stderr.count("\n") == 1
    assert not list(tmp_path.glob("store/eksport=*"))


def convert_in(megabytes: int, store: Path) -> subprocess.CompletedProcess[str]:
    """Convert with so much address space. Python 3.11 may go round for ever where it ends, deaf to signals."""
    limited = f'ulimit -v {megabytes}000; exec "$0" convert "$1" "$2" -q --workers 1'
    return subprocess.run(
        ["sh", "-c", limited, PROGRAM, VALID, store],
        env=command.environment(), capture_output=True, text=True, check=False, timeout=command.HANG,
    )  # fmt: skip


@pytest.mark.parametrize("megabytes", [60, 180, 220, 260, 320, 374, 420, 480])
def test_without_room_for_the_libraries_nothing_is_begun(tmp_path: Path, megabytes: int) -> None:
    done = convert_in(megabytes, tmp_path / "store")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert "out of memory" in done.stderr
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("megabytes", [540, 580, 640])
def test_too_little_memory_is_the_machines_failure(tmp_path: Path, megabytes: int) -> None:
    done = convert_in(megabytes, tmp_path / "store")
    if done.returncode not in {-signal.SIGABRT, 127}:  # what C++ and the loader of libraries do, and nobody can help
        enough = (tmp_path / "store/latest/_SUCCESS").is_file()  # how much that is, the libraries' versions decide
        assert done.returncode == (0 if enough else 4), done.stderr
        assert ("published" if enough else "out of memory") in done.stderr.splitlines()[-1]


def test_the_code_and_the_output_are_what_the_command_gave_though_its_end_is_taken_over() -> None:
    script = (
        "import atexit, sys, threading, time;"
        "from krr_export.cli.process_exit import enforce_exit_code, exit_with; enforce_exit_code();"
        "atexit.register(print, 'registered');"
        "threading.Thread(target=lambda: sys.stdout.write('waited for\\n')).start();"
        "sys.stdout.write('said, '); exit_with(5)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 5
    assert sorted(done.stdout.replace(", ", "\n").split("\n")) == ["", "registered", "said", "waited for"]


def test_a_user_without_a_home_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert known_hosts.known_keys("there.is.no.such.example.no", None).trusted == frozenset()
    with identities.identities(None, lambda: None, 1) as keys:
        assert list(keys) == []


def test_a_number_that_is_no_user_runs_every_command(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import pwd\ndef getpwuid(_): raise KeyError\npwd.getpwuid = getpwuid\n")
    env = {name: value for name, value in command.environment().items() if name not in {"HOME", "USER", "LOGNAME"}}
    commands = {
        ("convert", VALID, tmp_path / "store"): 0,
        ("verify", tmp_path / "store/latest"): 0,
        ("fetch", "sftp://krr@127.0.0.1:1/out", tmp_path / "inbox"): 6,
    }
    for arguments, code in commands.items():
        done = subprocess.run(
            [PROGRAM, *arguments, "-q"], env={**env, "PYTHONPATH": str(tmp_path)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stderr
