"""`diff` shows what changed between two snapshots, of any kind, and writes it in any format; no value is said."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import stat
from typing import TYPE_CHECKING, Any

import command
import duckdb
import pyarrow.parquet as pq
import pytest
from exports import tiny_xml

from krr_export import convert, diff
from krr_export.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NAMES = ["03851598730", "04851598731", "05851598732", "06851598733", "07851598734"]
FIRST, SECOND = "eksport=20140226T112225Z", "eksport=20140227T112225Z"


def person(number: str, email: str | None = "ola@example.no", status: str = "AKTIV", reserved: str = "NEI") -> str:
    contact = f'<Kontaktinformasjon><Epostadresse sistOppdatert="2014-02-25T12:08:00+01:00">{email}</Epostadresse>'
    return tiny_xml.person(
        f"<reservasjon>{reserved}</reservasjon><status>{status}</status>",
        f"{contact}</Kontaktinformasjon>" if email else "",
        identifier=number,
    )


NIGHTS = (
    [person(NAMES[0]), person(NAMES[1]), person(NAMES[2]), person(NAMES[3], '"a;b,c"@example.no')],
    [
        person(NAMES[3], '"a;b,c"@example.no', reserved="JA"),
        person(NAMES[1], None, "SLETTET"),
        person(NAMES[2], "kari@example.no"),
        person(NAMES[4]),
    ],
)
"""The first person goes, the second is deleted, the third moves, the fourth opts out, the fifth is new."""


@pytest.fixture
def nights(tmp_path: Path) -> Callable[..., Path]:
    """Make a store of two nights with these options."""

    def made(name: str = "store", **options: Any) -> Path:  # noqa: ANN401 - those of convert
        store = tmp_path / name
        for night, persons in enumerate(NIGHTS):
            export = tmp_path / f"{night}.xml"
            text = tiny_xml.export(*persons).replace(b"2014-02-26T", b"2014-02-%dT" % (26 + night))
            export.write_bytes(text.replace(b'"1724"', b'"%d"' % (1724 + night)))
            convert(export, store, guard=False, **options)
        return store

    return made


EXPECTED = [
    ("borte", NAMES[0], []),
    ("slettet", NAMES[1], ["status", "epostadresse", "epostadresse_sist_oppdatert"]),
    ("endret", NAMES[2], ["epostadresse"]),
    ("endret", NAMES[3], ["reservasjon"]),
    ("ny", NAMES[4], []),
]


def shown(path: Path) -> list[tuple[Any, ...]]:
    rows = pq.read_table(path).to_pylist()
    return [(row["endring"], row["personidentifikator"], row["endrede_kolonner"]) for row in rows]


@pytest.mark.parametrize("form", ["parquet", "csv", "csv-excel"])
def test_what_changed_is_found_in_a_store_of_any_format(nights: Callable[..., Path], tmp_path: Path, form: str) -> None:
    output = tmp_path / "changes.parquet"
    result = diff(nights(format=form), output=output)
    assert shown(output) == EXPECTED
    summary = result.summary
    assert (summary.new, summary.changed, summary.deleted, summary.gone, summary.unchanged) == (1, 2, 1, 1, 0)
    assert summary.newly_reserved == 1
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


@pytest.mark.parametrize("options", [{"partition_by": ("status",)}, {"derive": "all"}, {"compression": "gzip"}])
def test_so_it_is_with_partitions_and_derived_columns(
    nights: Callable[..., Path], tmp_path: Path, options: dict[str, Any]
) -> None:
    diff(nights(**options), output=tmp_path / "changes.parquet")
    found = shown(tmp_path / "changes.parquet")
    assert [row[:2] for row in found] == [row[:2] for row in EXPECTED]
    assert [set(row[2]) & {"varslingsstatus"} for row in found] == [set()] * len(EXPECTED), "it depends on the day"


def test_a_csv_store_and_a_parquet_store_of_the_same_night_do_not_differ(nights: Callable[..., Path]) -> None:
    parquet, text = nights("parquet"), nights("csv", format="csv", compression="gzip")
    assert not diff(parquet / FIRST, text / FIRST).differ
    assert not diff(text / SECOND, parquet / SECOND).differ


def test_a_part_file_says_what_was_compared(nights: Callable[..., Path], tmp_path: Path) -> None:
    store = nights()
    diff(store, output=tmp_path / "changes.parquet", ignore=["epostadresse"])
    metadata = pq.read_schema(tmp_path / "changes.parquet").metadata
    digests = {night: json_digest(store / night) for night in (FIRST, SECOND)}
    assert {key: metadata[key.encode()].decode() for key in ("fra", "til", "ignored")} == {
        "fra": FIRST,
        "til": SECOND,
        "ignored": "epostadresse",
    }
    assert metadata[b"fra_manifest_sha256"].decode() == digests[FIRST]
    assert metadata[b"til_manifest_sha256"].decode() == digests[SECOND]


def json_digest(snapshot: Path) -> str:
    """The digest of the manifest as sha256sum wrote it."""
    return (snapshot / "_SUCCESS").read_text().split()[0]


def test_csv_and_json_lines_say_the_same(nights: Callable[..., Path], tmp_path: Path) -> None:
    store = nights()
    for name in ("c.parquet", "c.csv", "c.jsonl"):
        diff(store, output=tmp_path / name)
    rows = pq.read_table(tmp_path / "c.parquet").to_pylist()
    lines = [json.loads(line) for line in (tmp_path / "c.jsonl").read_text().splitlines()]
    with (tmp_path / "c.csv").open(newline="") as file:
        fields = [*csv.DictReader(file)]
    assert len(rows) == len(lines) == len(fields) == len(EXPECTED)
    for row, line, field in zip(rows, lines, fields, strict=True):
        assert (
            line["endrede_kolonner"]
            == row["endrede_kolonner"]
            == list(filter(None, field["endrede_kolonner"].split(";")))
        )
        assert line["epostadresse"] == row["epostadresse"] == (field["epostadresse"] or None)
        time = row["epostadresse_sist_oppdatert"]
        assert line["epostadresse_sist_oppdatert"] == (time and time.strftime("%Y-%m-%dT%H:%M:%SZ"))
    read = duckdb.connect().read_json(str(tmp_path / "c.jsonl")).project("endring, epostadresse").fetchall()
    assert read == [(row["endring"], row["epostadresse"]) for row in rows]


def test_pseudonyms_of_one_key_are_compared_and_those_of_two_are_not(
    nights: Callable[..., Path], tmp_path: Path
) -> None:
    keys = [tmp_path / f"{name}.key" for name in "ab"]
    for key in keys:
        key.write_bytes(key.name.encode() * 10)
        key.chmod(0o600)
    hidden = [{"pseudonymise": "personidentifikator", "pseudonym_key": key} for key in keys]
    one, other, plain = nights("one", **hidden[0]), nights("other", **hidden[1]), nights("plain")
    result = diff(one, output=tmp_path / "changes.parquet")
    found = shown(tmp_path / "changes.parquet")
    assert sorted(row[0] for row in found) == sorted(row[0] for row in EXPECTED)
    assert [row[1] for row in found] == sorted(row[1] for row in found)
    assert result.summary.newly_reserved == 1
    with pytest.raises(UsageError, match="made with two keys"):
        diff(one / FIRST, other / SECOND)
    with pytest.raises(UsageError, match="pseudonyms of personidentifikator, the later one of nothing"):
        diff(one / FIRST, plain / SECOND)


def test_a_snapshot_without_identity_numbers_cannot_be_compared(nights: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match="no column personidentifikator"):
        diff(nights(drop=("personidentifikator",)))


def change_a_byte(path: Path, place: int) -> None:
    """Its size stays, and Arrow may read it as if nothing were."""
    content = bytearray(path.read_bytes())
    content[place % len(content)] ^= 1
    path.write_bytes(content)


def replace_by_pipe(path: Path) -> None:
    """Who opens it would wait for ever."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "harm",
    [
        lambda part: part.unlink(),
        lambda part: part.write_bytes(b""),
        lambda part: part.write_bytes(part.read_bytes()[:-100]),
        lambda part: change_a_byte(part, 1000),
        replace_by_pipe,
    ],
)
@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_a_damaged_snapshot_is_named_and_nothing_is_written(
    nights: Callable[..., Path], tmp_path: Path, harm: Callable[[Path], object], form: str
) -> None:
    store = nights(format=form)
    [part] = (store / FIRST / "person").iterdir()
    harm(part)
    with pytest.raises(InputError, match=rf"{FIRST}/person/part-00000\.{form} is missing or damaged"):
        diff(store, output=tmp_path / "changes.csv")
    assert not (tmp_path / "changes.csv").exists()


def test_a_file_of_changes_in_a_store_is_refused_before_anything_is_read(
    nights: Callable[..., Path], tmp_path: Path
) -> None:
    store = nights()
    (tmp_path / "link").symlink_to(store)
    (store / "new").mkdir()
    before = command.contents(store)
    for path in (store / "changes.csv", tmp_path / "link/changes.csv", store / "new/changes.csv"):
        ran = command.call("diff", store, "-o", path)
        assert (ran.code, ran.last) == (
            2,
            f"{path} lies in the store {store}, which holds snapshots alone; give a path outside of it",
        )
    (store / "latest").unlink()  # not every file system can make it
    assert command.call("diff", store, "-o", store / "changes.csv").code == 2
    (store / ".lock").unlink()  # as in a copy
    assert command.call("diff", store, "-o", store / "changes.csv").code == 2
    del before["latest"]
    assert command.contents(store) == before


def test_a_store_that_has_refused_all_so_far_is_a_store(nights: Callable[..., Path], tmp_path: Path) -> None:
    refused = tmp_path / "refused"
    (tmp_path / "bad.xml").write_bytes(tiny_xml.export(tiny_xml.person("<status>X</status>")))
    assert command.call("convert", tmp_path / "bad.xml", refused).code == 1
    assert command.call("diff", nights(), "-o", refused / "changes.csv").code == 2


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_a_file_without_room_is_named_as_it_was_given(nights: Callable[..., Path], form: str) -> None:
    ran = command.call("diff", nights(), "-o", "/dev/full", "--format", form)
    full = "krr-export: cannot write /dev/full: No space left on device; free some space and run again"
    assert (ran.code, ran.err.splitlines()) == (4, [full])


def test_a_store_has_two_snapshots_or_there_is_nothing_to_compare(nights: Callable[..., Path], tmp_path: Path) -> None:
    store = nights()
    assert diff(store).new.name == SECOND
    with pytest.raises(UsageError, match="is one snapshot, and two are compared"):
        diff(store / "latest")
    with pytest.raises(InputError, match="there is no store"):
        diff(tmp_path / "nowhere")
    with pytest.raises(InputError, match="there is no snapshot"):
        diff(store / FIRST, tmp_path / "nowhere")
    shutil.rmtree(store / FIRST)
    with pytest.raises(InputError, match="holds one snapshot, and two are compared"):
        diff(store)


def test_the_command_says_numbers_and_no_value(nights: Callable[..., Path], krr: Callable[..., command.Ran]) -> None:
    store = nights()
    ran = krr("diff", store, "--json")
    assert ran.code == 0
    assert ran.result["changes"]["new"] == 1
    assert ran.last == f"{FIRST} to {SECOND}: 1 new, 2 changed, 1 deleted, 1 gone, 0 records the same"
    assert re.search(r"epostadresse +1 changed, 1 removed$", ran.err, re.MULTILINE)
    assert not any(value in ran.out + ran.err for value in (*NAMES, "kari"))
    assert krr("diff", store, "--exit-code").code == 1
    assert krr("diff", store / "latest", store / SECOND, "--exit-code").code == 0
    late = krr("diff", store / SECOND, store / FIRST, "--json")
    assert "is the newer of the two" in late.result["warnings"][0]


def test_rows_go_to_standard_output(nights: Callable[..., Path], krr: Callable[..., command.Ran]) -> None:
    store = nights()
    lines = [json.loads(line) for line in krr("diff", store, "-o", "-").out.splitlines()]
    assert [line["personidentifikator"] for line in lines] == NAMES
    assert krr("diff", store, "-o", "-", "--format", "csv").out.startswith("endring,personidentifikator,forekomst,")
    assert krr("diff", store, "-o", "-", "--format", "parquet").code == 2
    assert krr("diff", store, "-o", "-", "--json").code == 2


def test_outputs_are_as_guarded_as_all_others(
    nights: Callable[..., Path], tmp_path: Path, krr: Callable[..., command.Ran]
) -> None:
    store = nights()
    assert krr("diff", store, "-o", store / "latest" / "changes.csv").code == 2
    assert krr("diff", store, "-o", tmp_path / "nowhere" / "changes.csv").code == 4
    assert krr("diff", store, "-o", tmp_path / "changes").last.startswith(f"{tmp_path}/changes: the name does not say")
    assert krr("diff", store, "--format", "csv").code == 2
    assert krr("diff", store, "--ignore", "epost").code == 2
