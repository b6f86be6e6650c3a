"""The wheel alone is enough: installed outside the checkout, it converts a sample."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from typing import Protocol

    class Run(Protocol):
        """Runs the program, which must end well."""

        def __call__(self, *arguments: str, program: Path = ...) -> subprocess.CompletedProcess[str]: ...


ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built of the sdist; what is compiled need not be fast here."""
    return built(ROOT, tmp_path_factory.mktemp("wheel"), CFLAGS="-O0")


@pytest.fixture(scope="module")
def wheel_without_compiler(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the same sdist, where there is no compiler."""
    (sdist,) = wheel.parent.glob("*.tar.gz")
    directory = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as packed:
        packed.extractall(directory, filter="data")
    (source,) = directory.iterdir()
    return built(source, tmp_path_factory.mktemp("wheel"), "--wheel", CC="false")


def built(source: Path, out: Path, *kinds: str, **environment: str) -> Path:
    """The wheel, built by the back end in this environment: nothing is downloaded."""
    build = [sys.executable, "-m", "build", "--no-isolation", *kinds, "--outdir", str(out), str(source)]
    done = subprocess.run(build, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = out.glob("*.whl")
    return path


def test_the_wheel_carries_the_schemas_the_types_and_the_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = next(name.split("/")[0] for name in names if ".dist-info/" in name)
    assert {f"krr_export/xsd/{path.name}" for path in (ROOT / "xsd").glob("*.xsd")} <= names
    assert {"krr_export/py.typed", f"{info}/licenses/LICENSE", f"{info}/entry_points.txt"} <= names
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "krr_export").rglob("*.py*") if path.suffix != ".pyc"}
    templates = {str(path.relative_to(ROOT)) for path in (ROOT / "krr_export/reporting/page/templates").glob("*.*")}
    assert {name for name in names if not name.startswith((info, "krr_export/xsd/"))} == {
        *modules,
        *templates,
        f"{info.removesuffix('.dist-info')}.data/data/share/man/man1/krr-export.1",
        "krr_export/py.typed",
        "krr_export/parsing/scanner.abi3.so",
        "krr_export/parsing/tokenizer.abi3.so",
        "krr_export/rules/matcher.abi3.so",
    }


def test_installed_in_an_empty_environment_it_converts_a_sample(wheel: Path, tmp_path: Path) -> None:
    run = installed(wheel, tmp_path)
    run("sample", "sample.xml.gz", "--records", "4000", "--schema", "16-02")
    result = json.loads(
        run("convert", "sample.xml.gz", "store", "--schema", "16-02", "--workers", "2", "--json").stdout
    )
    assert (result["outcome"], result["report"]["counts"]["written"]) == ("published", 4000)
    assert result["report"]["read_by"] == {"scanner": 4000}
    run("verify", "store/latest")
    assert "reader: the compiled scanner" in run("--version", "-v").stdout


def test_built_without_a_c_compiler_it_reads_all_by_the_reference_and_says_so_once(
    wheel_without_compiler: Path, tmp_path: Path
) -> None:
    assert not [name for name in zipfile.ZipFile(wheel_without_compiler).namelist() if name.endswith(".so")]
    run = installed(wheel_without_compiler, tmp_path)
    run("sample", "sample.xml", "--records", "300", "--faults", "3%")
    ran = run("convert", "sample.xml", "store", "--max-rejects", "10%", "--workers", "2", "--json")
    report = json.loads(ran.stdout)["report"]
    assert report["read_by"] == {"iterparse": 300}
    assert report["counts"]["rejected"] > 0
    assert ran.stderr.count("the scanner was not built; install a C compiler, then krr-export anew") == 1
    run("verify", "store/latest")
    assert "the scanner was not built" in run("--version", "-v").stdout
    assert "scanner" not in run("convert", "sample.xml", "other", "--max-rejects", "10%", "--quiet").stderr


def installed(wheel: Path, directory: Path) -> Run:
    """The wheel in an environment of its own; the program, to be run outside of the checkout."""
    home = directory / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin/python"
    # The wheel itself is installed by pip; what it depends on is lent by this environment, but not the checkout.
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    done = subprocess.run([*pip, str(wheel)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    lend_dependencies(site)
    elsewhere = directory / "elsewhere"
    elsewhere.mkdir()
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "KRR_EXPORT_"))}

    def run(*arguments: str, program: Path = home / "bin/krr-export") -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            [program, *arguments], capture_output=True, text=True, cwd=elsewhere, env=environment, check=False
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran

    assert run("-c", "import krr_export; print(krr_export.__file__)", program=python).stdout.startswith(str(site))
    return run


def lend_dependencies(site: Path) -> None:
    """Let another environment find what lies in this one's site-packages, all but this project."""
    lent = site / "lent"
    lent.mkdir()
    for place in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for path in Path(place).iterdir():
            if "krr_export" not in path.name and path.suffix != ".pth":
                (lent / path.name).symlink_to(path)
    (site / "lent.pth").write_text(f"{lent}\n")
