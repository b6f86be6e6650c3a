"""Mistakes that programs with a copy of the register have made with its changes, and that `apply` does not make."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest
import register
from register import Register, State

from krr_export import convert
from krr_export.jobs.changes.apply import apply
from krr_export.jobs.changes.apply_options import ApplyOptions
from krr_export.jobs.options import ConvertOptions
from krr_export.output.manifest import read_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import command

NUMBER, OTHER = "01851598730", "02851598730"
AS_OF = "2014-02-27T12:00:00Z"
KNOWN = register.Register([State(NUMBER, mobile="99999999"), State(OTHER, mobile="99999998")])
LOAD = ConvertOptions(guard=False, rules=False, profile=False)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A server whose own time is not Norway's."""
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    assert os.environ["TZ"] != datetime.now().astimezone().tzname()
    yield
    monkeypatch.undo()
    time.tzset()


def store_at(directory: Path, history: Register = KNOWN, known: int | None = None, **options: Any) -> Path:  # noqa: ANN401 - those of convert
    export = history.export(len(history.changes), 26)
    if known is not None:
        export = export.replace(b'senesteEndringsNummer="2"', b'senesteEndringsNummer="%d"' % known)
    (directory / "first.xml").write_bytes(export)
    convert(directory / "first.xml", directory / "store", LOAD, **options)
    return directory / "store"


def rows_after(store: Path, pages: Path) -> list[dict[str, Any]]:
    result = apply(store, [pages], ApplyOptions(AS_OF, load=LOAD))
    assert result.outcome == "published"
    rows: list[dict[str, Any]] = pq.ParquetDataset(result.path / "person").read().to_pylist()
    return rows


@pytest.mark.usefixtures("elsewhere")
@pytest.mark.parametrize("form", ["rest", "16-02"])
def test_a_time_without_an_offset_is_norwegian_whatever_the_server_s_zone_is(tmp_path: Path, form: str) -> None:
    """Altinn's job takes the zone of its server."""
    store = store_at(tmp_path)
    person = State(NUMBER, mobile="90000000")
    page = register.written(form, 2, 3, 3, [person])
    for given in (b"2014-02-25T12:08:00+01:00", b"2014-02-25T12:08:00+01"):
        page = page.replace(given, b"2014-02-25T12:08:00")
    (tmp_path / "page").write_bytes(page)
    row = rows_after(store, tmp_path / "page")[0]
    assert row["mobiltelefonnummer_sist_oppdatert"] == datetime(2014, 2, 25, 11, 8, tzinfo=UTC)


@pytest.mark.parametrize("known", [2**31 - 1, 2**31, 2**53 + 1, 2**63 - 3])
@pytest.mark.parametrize("form", ["rest", "16-02", "14-05"])
def test_change_numbers_have_64_bits(tmp_path: Path, known: int, form: str) -> None:
    """One program has 32 for them; what reads JSON by floating point has 53."""
    store = store_at(tmp_path, known=known)
    page = register.written(form, known, known + 1, known + 1, [State(NUMBER, mobile="90000000")])
    (tmp_path / "page").write_bytes(page)
    assert rows_after(store, tmp_path / "page")[0]["mobiltelefonnummer"] == "90000000"
    assert read_manifest(store / "latest").header.seneste_endringsnummer == known + 1


@pytest.mark.parametrize("told", ["KAN_VARSLES", "KAN_IKKE_VARSLES"])
def test_who_may_be_notified_is_judged_anew_whatever_a_page_says(tmp_path: Path, told: str) -> None:
    """The word depends on the day of asking, and one service's documentation has the two the wrong way round."""
    store = store_at(tmp_path, derive=("varslingsstatus",))
    page = register.written("rest", 2, 4, 4, [State(NUMBER, mobile="90000000"), State(OTHER, reserved="JA")])
    (tmp_path / "page").write_bytes(page.replace(b"KAN_VARSLES", told.encode()))
    reachable, reserved = rows_after(store, tmp_path / "page")
    assert reachable["varslingsstatus"] == "KAN_VARSLES"
    assert reserved["varslingsstatus"] == "KAN_IKKE_VARSLES"


def test_no_identity_number_is_in_what_the_program_says(tmp_path: Path, krr: Callable[..., command.Ran]) -> None:
    """One program writes them into its log."""
    store = store_at(tmp_path)
    wrong = State("01851598731x", mobile="90000000")
    page = register.written("rest", 2, 5, 5, [State(NUMBER, mobile="90000000"), wrong, State(OTHER).deleted])
    (tmp_path / "page").write_bytes(page)
    for more, code in (((), 1), (("--max-rejects", "1"), 0)):
        ran = krr("apply", store, tmp_path / "page", "--as-of", AS_OF, "--no-guard", "-v", "--json", *more)
        assert ran.code == code
        for secret in (NUMBER, OTHER, "01851598731x", "90000000"):
            assert secret not in ran.out + ran.err
