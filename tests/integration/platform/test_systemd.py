"""The units for systemd: it reads them without a remark, they are locked down, and what they try again may pass."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from krr_export.errors import EXIT_CODES

UNITS = Path(__file__).parents[3] / "docs/systemd"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("systemd-analyze") is None and "CI" not in os.environ, reason="systemd-analyze is not installed"
    ),
]


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units as on a machine with the program: another one stands in its place."""
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/srv/krr/.venv/bin/krr-export", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("/usr/bin/logger", sys.executable))
    return tmp_path


def units_file() -> configparser.ConfigParser:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.read(UNITS / "krr-export.service")
    return read


def service() -> configparser.SectionProxy:
    return units_file()["Service"]


def test_the_documents_show_the_heart_of_the_service() -> None:
    text = (UNITS.parent / "guides/nightly.md").read_text()
    blocks = re.findall(r"^```ini\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    shown = next(block for block in blocks if " run sftp:" in block)
    assert set(shown.splitlines()) <= set((UNITS / "krr-export.service").read_text().splitlines())


def test_systemd_reads_them_without_a_remark(units: Path) -> None:
    checked = analyze("verify", *sorted(units.iterdir()))
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_unit_with_a_mistake_is_noticed(units: Path) -> None:
    unit = units / "krr-export.service"
    unit.write_text(unit.read_text().replace("ProtectSystem=strict", "ProtectSystem=sometimes"))
    assert "protect system value" in analyze("verify", unit).stderr


def test_the_service_is_locked_down(units: Path) -> None:
    arguments = ("security", "--offline=true", "--threshold=20")
    assert analyze(*arguments, units / "krr-export.service").returncode == 0
    bare = units / "bare.service"
    bare.write_text(f"[Service]\nType=oneshot\nExecStart={sys.executable}\n")
    assert analyze(*arguments, bare).returncode != 0


def test_a_night_that_fails_as_slowly_as_it_may_is_told() -> None:
    """systemd calls a service failed, and OnFailure's, only once its starts are used up within the interval."""
    hours = {"min": 1 / 60, "h": 1.0}

    def read(section: str, name: str) -> float:
        value = units_file()[section][name]
        unit = value.lstrip("0123456789")
        return int(value.removesuffix(unit)) * hours[unit]

    tries = int(units_file()["Unit"]["StartLimitBurst"])
    interval = read("Unit", "StartLimitIntervalSec")
    assert tries * (read("Service", "TimeoutStartSec") + read("Service", "RestartSec")) < interval < 24


def test_what_would_only_come_again_is_not_tried_again() -> None:
    assert service()["Restart"] == "on-failure"
    not_again = {int(code) for code in service()["RestartPreventExitStatus"].split()}
    assert not_again == {code.number for code in EXIT_CODES if code.number and not code.transient}


def test_the_program_works_where_no_memory_can_be_both_written_and_run(tmp_path: Path) -> None:
    assert service()["MemoryDenyWriteExecute"] == "yes"
    # PR_SET_MDWE of Linux 6.3 asks the same as the unit; older kernels do not know it, and then nothing is shown.
    program = (
        "import ctypes, os, sys; done = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0);"
        "done and sys.exit(99); os.execv(sys.executable, [sys.executable, '-m', 'krr_export', *sys.argv[1:]])"
    )
    sample = UNITS.parents[1] / "samples/valid.xml"
    ran = subprocess.run(
        [sys.executable, "-c", program, "convert", sample, tmp_path / "store"],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    if ran.returncode == 99:
        pytest.skip("this kernel does not know PR_SET_MDWE")
    assert ran.returncode == 0, ran.stderr
