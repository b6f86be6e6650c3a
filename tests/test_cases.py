"""Cases from the field, run as those who met them wrote them down: scripts in `shared/cases`, beside the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import command
import pytest

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


def run_case(name: str, *arguments: str, timeout: float = 120) -> str:
    """Run a case with this checkout's program.

    Args:
        name: its file.
        arguments: its own.
        timeout: seconds.

    Returns:
        What it printed on both streams, in the order of printing.
    """
    if not CASES.is_dir():
        pytest.skip("shared/cases is not at hand: it lies beside a developer's checkout")
    program = Path(sysconfig.get_path("scripts")) / "krr-export"
    interpreter = sys.executable if name.endswith(".py") else "sh"
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)  # some cases run the program as another user
        ran = subprocess.run(
            [interpreter, CASES / name, *arguments],
            env=command.environment(K=str(program), PY=sys.executable, TMPDIR=temporary),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=timeout, check=False,
        )  # fmt: skip
    return ran.stdout


def test_openblas_exits_with_1() -> None:
    ends = [line.split(": exit ")[1] for line in run_case("openblas-exits-with-1.sh").splitlines() if ": exit " in line]
    assert len(ends) == 9
    assert [
        end for end in ends if not end.startswith(("4 krr-export: out of memory", "134 ", "0 krr-export: published"))
    ] == []
    assert ends[-1].startswith("0 ")


def test_prune_and_latest_heed_snapshots_only_and_leave_an_operators_copy_alone() -> None:
    printed = run_case("store-backup-copy.sh")
    assert "latest -> eksport=20260224T120000Z " in printed
    after_two, after_one = (line for line in printed.splitlines() if line.startswith("after prune"))
    assert "eksport=20260223T120000Z eksport=20260224T120000Z eksport=20260224T120000Z.bak" in after_two
    assert ": eksport=20260224T120000Z eksport=20260224T120000Z.bak" in after_one
    assert printed.endswith("history rc=0\n")
