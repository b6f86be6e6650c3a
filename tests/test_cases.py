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
