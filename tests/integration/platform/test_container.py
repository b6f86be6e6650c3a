"""The container's recipe and the job for Kubernetes, as far as they can be tried where no engine is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import command
import pytest
import yaml
from man_page import COMMANDS, CONTEXT

from krr_export.errors import EXIT_CODES
from krr_export.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
RECIPE = ROOT / "docs/container/Containerfile"
NIGHTLY = (ROOT / "docs/guides/nightly.md").read_text()
NOBODY = 65534
IDENTITY: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}


def instructions() -> list[tuple[str, str]]:
    """The recipe's instructions: each with its rest, on one line."""
    text = re.sub(r"^#.*\n", "", RECIPE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return [(name, rest) for name, rest in lines]


def every(name: str) -> list[str]:
    return [rest for found, rest in instructions() if found == name]


def test_the_image_runs_the_program_as_nobody() -> None:
    kinds = [name for name, _ in instructions()]
    assert {*kinds} == {"FROM", "RUN", "WORKDIR", "COPY", "USER", "ENTRYPOINT"}
    last = len(kinds) - kinds[::-1].index("FROM")
    assert kinds[last:] == ["RUN", "RUN", "WORKDIR", "USER", "ENTRYPOINT"], "no source is in the image"
    assert every("USER") == [f"{NOBODY}:{NOBODY}"]
    assert json.loads(*every("ENTRYPOINT")) == ["krr-export"]


def test_each_image_that_it_begins_with_is_named_with_its_version() -> None:
    images = {rest.split()[0] for rest in every("FROM")}
    assert images == {"docker.io/library/python:3.11-slim-bookworm"}
    assert f"--tag krr-export:{__version__} ." in RECIPE.read_text()
    assert f"--tag krr-export:{__version__} ." in NIGHTLY


def test_the_wheel_is_built_from_the_files_that_are_copied(tmp_path: Path) -> None:
    for rest in every("COPY"):
        *sources, target = rest.split()
        for name in sources:
            source, copy = ROOT / name, tmp_path / (name if target == "./" else target)
            copy.parent.mkdir(exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, copy, symlinks=True, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
            else:
                shutil.copy(source, copy)
    [words] = [rest for rest in every("RUN") if "pip wheel" in rest]
    assert words == "python -m pip wheel --no-cache-dir --no-deps --wheel-dir /wheels ."
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(tmp_path / "wheels"), "."]
    quickly = {**os.environ, "CFLAGS": "-O0"}  # what is compiled is not run
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True, check=False, env=quickly)
    assert done.returncode == 0, done.stdout + done.stderr
    [wheel] = (tmp_path / "wheels").iterdir()
    names = zipfile.ZipFile(wheel).namelist()
    assert "krr_export/parsing/scanner.abi3.so" in names
    assert {f"krr_export/xsd/{path.name}" for path in (ROOT / "xsd").glob("*.xsd")} <= {*names}


@pytest.fixture
def mounted() -> Iterator[Path]:
    """A directory that nobody owns, beside one in which nobody may write; pytest's own are closed to nobody."""
    home = Path(tempfile.mkdtemp(prefix="krr-container-"))
    try:
        home.chmod(0o755)
        (home / "root").mkdir(mode=0o555)
        (home / "data").mkdir(mode=0o700)
        shutil.copy(ROOT / "samples/valid.xml", home / "data/export.xml")
        for path in (home / "data", home / "data/export.xml"):
            os.chown(path, NOBODY, NOBODY)
        yield home
    finally:
        shutil.rmtree(home)


@pytest.fixture(scope="module")
def python() -> str:
    """An interpreter that nobody may start: this one, or the system's of the same version."""
    if os.geteuid() != 0:
        pytest.skip("only root becomes nobody")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for path in (sys.executable, f"/usr/bin/python{version}"):
        found = f"import sys; assert '{version}' == '%s.%s' % sys.version_info[:2]; open({__file__!r})"
        with suppress(OSError):  # it is in somebody's home, or not there
            if not subprocess.run([path, "-c", found], **IDENTITY, check=False, capture_output=True).returncode:
                return path
    pytest.skip("nobody may start no Python of this version, or not read this checkout")


def as_nobody(python: str, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as the container does: nobody, without a home, where nothing may be written."""
    env = {"PYTHONPATH": os.pathsep.join([str(ROOT), *map(sysconfig.get_path, ("purelib", "platlib"))])}
    return subprocess.run(
        [python, "-m", "krr_export", *arguments], cwd=home / "root", env=env, **IDENTITY,
        capture_output=True, text=True, check=False, timeout=command.HANG,
    )  # fmt: skip


def test_as_nobody_without_a_home_where_nothing_may_be_written_it_works(mounted: Path, python: str) -> None:
    data = mounted / "data"
    ran = as_nobody(python, mounted, "convert", str(data / "export.xml"), str(data / "store"), "--json")
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["warnings"] == []
    assert {path.stat().st_uid for path in (data / "store").rglob("*")} == {NOBODY}
    assert as_nobody(python, mounted, "verify", str(data / "store/latest")).returncode == 0
    assert as_nobody(python, mounted, "convert", str(data / "export.xml"), "store").returncode == 4, (
        "where it may not write"
    )
    assert [*(mounted / "root").iterdir()] == []


def cron_job() -> dict[str, Any]:
    [text] = re.findall(r"^```yaml\n(.*?)^```$", NIGHTLY, re.DOTALL | re.MULTILINE)
    job: dict[str, Any] = yaml.safe_load(text)
    return job


def test_kubernetes_starts_again_what_may_pass_and_nothing_else() -> None:
    job = cron_job()["spec"]["jobTemplate"]["spec"]
    [rule] = job["podFailurePolicy"]["rules"]
    codes = rule["onExitCodes"]
    assert (rule["action"], codes["operator"]) == ("FailJob", "In")
    assert codes["values"] == [code.number for code in EXIT_CODES if code.number and not code.transient]
    pod = job["template"]["spec"]
    assert pod["restartPolicy"] == "Never", "without which Kubernetes takes no such policy"
    assert codes["containerName"] == pod["containers"][0]["name"]


def test_its_pod_may_do_as_little_as_the_container() -> None:
    pod = cron_job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["runAsNonRoot"]) == (NOBODY, True)
    may = container["securityContext"]
    assert (may["readOnlyRootFilesystem"], may["allowPrivilegeEscalation"]) == (True, False)
    assert may["capabilities"] == {"drop": ["ALL"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert [mount["mountPath"] for mount in container["volumeMounts"]] == [*every("WORKDIR")[1:], "/tmp"]  # noqa: S108 - of the container
    assert container["image"].endswith(f":{__version__}")
    assert container["args"][:3] == ["--config", "krr.toml", "run"]
    given = COMMANDS["run"].make_context("run", container["args"][3:], parent=CONTEXT).params
    assert (given["inbox"], given["store"]) == (Path("inbox"), Path("store"))
