"""What is left out or pseudonymised is in no file, says nothing in any, and can be joined under one key alone."""

from __future__ import annotations

import base64
import io
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import command
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conversions import SAMPLES, cut_into
from deliveries import openssl
from exports import tiny_xml
from hypothesis import given
from hypothesis import strategies as st
from sink_rows import duck

import krr_export
from krr_export.cli.commands.convert import convert_command
from krr_export.cli.commands.run import run_command
from krr_export.cli.commands.validate import validate_command
from krr_export.errors import InputError, UsageError
from krr_export.output.manifest import read_manifest
from krr_export.parsing.rejects import REJECTS_SCHEMA
from krr_export.transform.privacy import PseudonymKey

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.slow

COLUMNS = krr_export.load_schema().arrow.names
STRINGS = (
    "personidentifikator", "beskrivelse", "mobiltelefonnummer", "epostadresse", "postkasseadresse",
    "postkasseleverandoer_adresse",
)  # fmt: skip
CERTIFICATE = "x509_sertifikat"
SECRET = b"0123456789abcdef-a-secret-of-the-tests-only-\xff\x00\n-and-more-than-a-block-of-SHA-256"
BAD = tiny_xml.person("<status>X</status>")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    return make_key(tmp_path / "pseudonym.key")


def make_key(path: Path, secret: bytes = SECRET, mode: int = 0o600) -> Path:
    path.write_bytes(secret)
    path.chmod(mode)
    return path


def convert(source: bytes | Path, store: Path, **options: Any) -> krr_export.ConvertResult:  # noqa: ANN401 - ConvertOptions checks them
    stream = io.BytesIO(source) if isinstance(source, bytes) else source
    return krr_export.convert(stream, store, **{"workers": 0, "max_rejects": "100%", **options})


def persons(snapshot: Path) -> pa.Table:
    return pq.read_table(snapshot / "person")


def rejects(snapshot: Path) -> pa.Table:
    return pq.read_table(snapshot / "rejects")


def hmac_by_openssl(value: bytes, secret: bytes = SECRET) -> str:
    said = openssl("dgst", "-sha256", "-mac", "HMAC", "-macopt", f"hexkey:{secret.hex()}", stdin=value)
    return said.decode().split("= ")[1].strip()


def record(values: Mapping[str, str], more: str = "", status: str = "AKTIV") -> str:
    """A record of these values by column, each where the XSD has it, as markup."""
    text = {name: escape(value) for name, value in values.items()}
    return tiny_xml.person(
        f"<status>{status}</status>",
        f"<beskrivelse>{text['beskrivelse']}</beskrivelse>",
        f"<Kontaktinformasjon><Mobiltelefonnummer>{text['mobiltelefonnummer']}</Mobiltelefonnummer>",
        f"<Epostadresse>{text['epostadresse']}</Epostadresse></Kontaktinformasjon>",
        f"<SikkerDigitalPostAdresse><postkasseadresse>{text['postkasseadresse']}</postkasseadresse>",
        f"<postkasseleverandoerAdresse>{text['postkasseleverandoer_adresse']}</postkasseleverandoerAdresse>",
        "</SikkerDigitalPostAdresse>",
        f"<X509Sertifikat>{base64.b64encode(text[CERTIFICATE].encode()).decode()}</X509Sertifikat>",
        more,
        identifier=text["personidentifikator"],
    )


@dataclass(frozen=True)
class Plan:
    """Values that are planted, records that are faulty, and what is to be hidden, in which way."""

    records: list[dict[str, str]]
    faults: list[str | None]
    dropped: frozenset[str]
    pseudonymised: frozenset[str]
    by_columns: bool
    format: str

    @property
    def hidden(self) -> frozenset[str]:
        return self.dropped | self.pseudonymised

    def export(self) -> bytes:
        faulty = {
            None: {},
            "wrong value": {"status": "X"},
            "unknown element": {"more": f"<Unknown>{escape(''.join(self.records[0].values()))}</Unknown>"},
            "repeated": {"more": f"<beskrivelse>{escape(self.records[0]['beskrivelse'])}</beskrivelse>"},
            "text": {"more": escape(self.records[0]["personidentifikator"])},
        }
        return tiny_xml.export(*(record(v, **faulty[f]) for v, f in zip(self.records, self.faults, strict=True)))

    def options(self, key: Path) -> dict[str, Any]:
        kept = [name for name in COLUMNS if name not in self.dropped]
        left_out = {"columns": kept} if self.by_columns else {"drop": sorted(self.dropped)}
        replaced = {"pseudonymise": sorted(self.pseudonymised), "pseudonym_key": key} if self.pseudonymised else {}
        return {**left_out, **replaced, "format": self.format, "compression": "none"}


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    # Each column's values begin with a letter that stands nowhere else: what is found is theirs.
    text = st.text(st.sampled_from("0123456789abcæø€@.,& "), min_size=10, max_size=10)
    letters = dict(zip(PLANTED, "QVWXYZK", strict=True))
    values = st.fixed_dictionaries({name: st.builds(letter.__add__, text) for name, letter in letters.items()})
    records = draw(st.lists(values, min_size=1, max_size=5))
    faults = st.sampled_from([None, None, "wrong value", "unknown element", "repeated", "text"])
    pseudonymised = draw(st.frozensets(st.sampled_from(STRINGS)))
    return Plan(
        records=records,
        faults=[draw(faults) for _ in records],
        dropped=draw(st.frozensets(st.sampled_from(PLANTED))) - pseudonymised,
        pseudonymised=pseudonymised,
        by_columns=draw(st.booleans()),
        format=draw(st.sampled_from(["parquet", "csv"])),
    )


PLANTED = (*STRINGS, CERTIFICATE)


@given(plan=plans())
def test_no_value_of_a_hidden_column_is_in_any_file(plan: Plan) -> None:
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        options = plan.options(make_key(root / "pseudonym.key"))
        result = convert(plan.export(), root / "store", **options)
        assert krr_export.verify(result.path).proven
        everything = all_that_lies_in(root / "store")
        for name in PLANTED:
            for values, fault in zip(plan.records, plan.faults, strict=True):
                raw = values[name].encode()
                forms = {raw, escape(values[name]).encode(), base64.b64encode(escape(values[name]).encode())}
                found = [form for form in forms if form in everything]
                if name in plan.hidden:
                    assert not found, f"a value of {name} is in a file"
                elif fault is None or not plan.hidden:
                    assert found, f"the search would find {name}"
        records = rejects(result.path)["record"]
        assert records.null_count == (len(records) if plan.hidden else 0)


def all_that_lies_in(store: Path) -> bytes:
    """The names and bytes of all files, and each value of the Parquet files: its pages might be encoded."""
    found = []
    for path in sorted(store.rglob("*")):
        found += [os.fsencode(path), path.read_bytes() if path.is_file() else b""]
        if path.suffix == ".parquet":
            for column in pq.read_table(path).columns:
                flat = column.combine_chunks().flatten() if pa.types.is_list(column.type) else column
                values = flat.to_pylist()
                found += [value if isinstance(value, bytes) else str(value).encode() for value in values]
    return b"\n".join(found)


def test_a_pseudonym_is_what_openssl_says(key: Path, tmp_path: Path) -> None:
    values = ["00000000001", "blåbær & co", "Æ€𝄞", "", "same", "same"]
    records = [tiny_xml.person(f"<beskrivelse>{escape(value)}</beskrivelse>") for value in values]
    result = convert(
        tiny_xml.export(*records, tiny_xml.person()), tmp_path / "store", pseudonymise="beskrivelse", pseudonym_key=key
    )
    table = persons(result.path)
    assert table["beskrivelse"].to_pylist() == [*(hmac_by_openssl(value.encode()) for value in values), None]
    assert table.schema.field("beskrivelse") == krr_export.load_schema().arrow.field("beskrivelse")
    assert table["personidentifikator"].to_pylist() == [tiny_xml.IDENTIFIER] * 7


@pytest.mark.parametrize("size", [32, 63, 64, 65, 4096])
def test_every_byte_of_the_key_counts(tmp_path: Path, size: int) -> None:
    secret = (SECRET * 60)[: size - 1] + b"\n"
    result = convert(
        tiny_xml.export(tiny_xml.person()),
        tmp_path / "store",
        pseudonymise="personidentifikator",
        pseudonym_key=make_key(tmp_path / "key", secret),
    )
    expected = hmac_by_openssl(tiny_xml.IDENTIFIER.encode(), secret)
    assert persons(result.path)["personidentifikator"].to_pylist() == [expected]
    assert expected != hmac_by_openssl(tiny_xml.IDENTIFIER.encode(), secret[:-1])


def test_the_fingerprint_of_a_key_is_the_documented_one() -> None:
    said = hmac_by_openssl(b"krr-export: fingerprint of a pseudonym key")
    assert PseudonymKey(SECRET).fingerprint == said[:16]
    assert (
        "krr-export: fingerprint of a pseudonym key"
        in (Path(__file__).parents[2] / "docs/guides/privacy.md").read_text()
    )


def test_pseudonyms_join_two_exports_under_one_key_and_not_under_another(key: Path, tmp_path: Path) -> None:
    later = tiny_xml.ROOT_ATTRIBUTES.replace("2014-02-26", "2014-02-27")
    root = f'et:Kontaktregister xmlns:et="{tiny_xml.EXPORT}" xmlns="{tiny_xml.PERSONS}" {later}'
    one = tiny_xml.export(*(tiny_xml.person(identifier=f"{n:011}") for n in range(100)))
    two = tiny_xml.export(
        *(tiny_xml.person(tiny_xml.contact(), identifier=f"{n:011}") for n in range(150, 50, -1)), root=root
    )
    options = {"pseudonymise": ["personidentifikator"], "pseudonym_key": key}
    convert(one, tmp_path / "store", **options)
    convert(two, tmp_path / "store", **options)
    other = make_key(tmp_path / "other.key", SECRET[::-1])
    convert(two, tmp_path / "other", **{**options, "pseudonym_key": other})

    def joined(left: Path, right: Path) -> int:
        one, other = (f"'{snapshot}/person/*.parquet'" for snapshot in (left, right))
        found = duck(f"SELECT one.radnummer FROM {one} AS one JOIN {other} AS other USING (personidentifikator)")  # noqa: S608 - the test's own paths
        return int(found.num_rows)

    first, second = sorted((tmp_path / "store").glob("eksport=*"))
    assert joined(first, second) == 49  # 51 to 99
    assert joined(first, tmp_path / "other/latest") == 0
    assert joined(second, second) == 100


def test_csv_holds_the_pseudonyms_that_parquet_holds(key: Path, tmp_path: Path) -> None:
    options = {"pseudonymise": "personidentifikator,epostadresse", "pseudonym_key": key, "drop": [CERTIFICATE]}
    parquet = convert(SAMPLES / "valid.xml", tmp_path / "parquet", **options)
    csv = convert(SAMPLES / "valid.xml", tmp_path / "csv", format="csv", **options)
    query = "SELECT * FROM read_csv('{}/person/*.csv', all_varchar = true, allow_quoted_nulls = false)"
    read = duck(query.format(csv.path)).drop_columns("eksport")  # which DuckDB reads from the path
    expected = persons(parquet.path)
    assert read.column_names == expected.column_names == [name for name in COLUMNS if name != CERTIFICATE]
    for name in STRINGS:
        assert read[name].to_pylist() == expected[name].to_pylist()
    assert {len(value) for value in read["personidentifikator"].to_pylist()} == {64}


@pytest.mark.parametrize("format_", ["parquet", "csv"])
def test_radnummer_stays_and_columns_keep_their_order(tmp_path: Path, format_: str) -> None:
    for chosen, kept in {
        "radnummer": ["radnummer"],
        "status, personidentifikator": ["radnummer", "personidentifikator", "status"],
    }.items():
        result = convert(tiny_xml.export(tiny_xml.person()), tmp_path / chosen, columns=chosen, format=format_)
        read = duck(f"FROM '{next((result.path / 'person').iterdir())}'")
        assert read.column_names == [*kept, "eksport"]  # which DuckDB reads from the path
        assert read["radnummer"].to_pylist() == [1]


def test_a_partition_by_a_kept_column_goes_with_it(key: Path, tmp_path: Path) -> None:
    result = convert(
        SAMPLES / "valid.xml",
        tmp_path / "store",
        partition_by="status",
        columns=["personidentifikator", "status"],
        pseudonymise="personidentifikator",
        pseudonym_key=key,
    )
    assert krr_export.verify(result.path).proven
    table = persons(result.path)
    assert set(table.column_names) == {"radnummer", "personidentifikator", "status"}
    assert table.num_rows == read_manifest(result.path).counts.written


def test_no_footer_says_anything_of_pseudonyms(key: Path, tmp_path: Path) -> None:
    result = convert(
        tiny_xml.export(tiny_xml.person()),
        tmp_path,
        pseudonymise="personidentifikator",
        pseudonym_key=key,
        compression="none",
    )
    [part] = (result.path / "person").glob("*.parquet")
    metadata = pq.read_metadata(part)
    chunks = {c.path_in_schema: c for c in map(metadata.row_group(0).column, range(metadata.num_columns))}
    chunk = chunks["personidentifikator"]
    assert (chunk.is_stats_set, chunk.has_column_index) == (False, False)
    assert chunks["radnummer"].is_stats_set
    content = part.read_bytes()
    pseudonym = hmac_by_openssl(tiny_xml.IDENTIFIER.encode()).encode()
    assert content.count(pseudonym) == 1
    assert pseudonym not in content[max(c.data_page_offset + c.total_compressed_size for c in chunks.values()) :]
    assert metadata.metadata[b"pseudonymised"] == b"personidentifikator", "a part file explains itself"


@pytest.mark.parametrize("hidden", [{"drop": "beskrivelse"}, {"columns": "status"}, {"pseudonymise": "beskrivelse"}])
@pytest.mark.parametrize("outcome", ["published", "too-many-rejects", "partial"])
def test_rejects_keep_place_and_reasons_but_no_record(
    key: Path, tmp_path: Path, hidden: dict[str, str], outcome: str
) -> None:
    options: dict[str, Any] = {
        "published": {},
        "too-many-rejects": {"max_rejects": 0},
        "partial": {"limit": 2},
    }[outcome]
    given_key = {"pseudonym_key": key} if "pseudonymise" in hidden else {}
    export = tiny_xml.export(tiny_xml.person(), BAD)
    bare = convert(export, tmp_path / "hidden", **options, **hidden, **given_key)
    whole = convert(export, tmp_path / "whole", **options)
    assert bare.outcome == whole.outcome == outcome
    one, other = rejects(bare.path), rejects(whole.path)
    assert one.schema == other.schema == REJECTS_SCHEMA
    assert one.drop_columns("record") == other.drop_columns("record")
    assert one["codes"].to_pylist() == [["value-not-in-list"]]
    assert one["record"].to_pylist() == [None]
    assert other["record"].to_pylist() == [BAD.encode()]


def test_to_keep_every_column_is_no_choice(tmp_path: Path) -> None:
    export = tiny_xml.export(tiny_xml.person(), BAD)
    plain = convert(export, tmp_path)
    assert rejects(plain.path)["record"].to_pylist() == [BAD.encode()]
    assert convert(export, tmp_path, columns=COLUMNS).outcome == "unchanged"


def test_the_manifest_says_what_was_applied(key: Path, tmp_path: Path) -> None:
    options = {"drop": [CERTIFICATE], "pseudonymise": ["epostadresse,personidentifikator"], "pseudonym_key": str(key)}
    said = read_manifest(convert(tiny_xml.export(tiny_xml.person()), tmp_path / "one", **options).path).options
    assert said.columns == tuple(name for name in COLUMNS if name != CERTIFICATE)
    assert said.pseudonymised == ("personidentifikator", "epostadresse")
    assert said.pseudonym_key_fingerprint == PseudonymKey(SECRET).fingerprint
    said = read_manifest(convert(tiny_xml.export(tiny_xml.person()), tmp_path / "two").path).options
    assert (said.columns, said.pseudonymised, said.pseudonym_key_fingerprint) == (None, (), None)


def test_the_same_choice_again_is_nothing_to_do(key: Path, tmp_path: Path) -> None:
    export = tiny_xml.export(tiny_xml.person())
    options = {"pseudonymise": ["personidentifikator", "epostadresse"], "pseudonym_key": key}
    first = convert(export, tmp_path / "store", **options, drop=[CERTIFICATE, "beskrivelse"])
    before = command.contents(tmp_path / "store")
    moved = make_key(tmp_path / "moved.key")
    kept = [name for name in COLUMNS if name not in {CERTIFICATE, "beskrivelse"}]
    for same in (
        {**options, "drop": ["beskrivelse", CERTIFICATE, CERTIFICATE]},
        {**options, "columns": kept[::-1]},
        {"pseudonymise": "epostadresse,personidentifikator", "pseudonym_key": moved, "columns": kept},
    ):
        result = convert(export, tmp_path / "store", **same)
        assert (result.outcome, result.path) == ("unchanged", first.path)
    assert command.contents(tmp_path / "store") == before


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"drop": []}, "choice of columns"),
        ({"drop": ["beskrivelse"]}, "choice of columns"),
        ({"pseudonymise": ["epostadresse"]}, "pseudonymised columns"),
        ({"pseudonymise": [], "pseudonym_key": None}, "pseudonymised columns"),
        ({"pseudonym_key": "other.key"}, "pseudonym key"),
    ],
)
def test_a_store_keeps_one_choice(
    key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], what: str
) -> None:
    monkeypatch.chdir(tmp_path)
    make_key(tmp_path / "other.key", SECRET[::-1])
    options = {"drop": [CERTIFICATE], "pseudonymise": ["personidentifikator"], "pseudonym_key": key}
    store = tmp_path / "store"
    convert(tiny_xml.export(tiny_xml.person()), store, **options)
    before = command.contents(store)
    for replace in (False, True):
        with pytest.raises(UsageError, match=f"in this store have the {what}.*; a store keeps one kind") as error:
            convert(tiny_xml.export(tiny_xml.person()), store, **{**options, **changes}, replace=replace)
        assert error.value.exit_code == 2
    assert command.contents(store) == before


def test_a_snapshot_that_does_not_say_it_yet_has_all_columns(tmp_path: Path) -> None:
    export = tiny_xml.export(tiny_xml.person())
    path = convert(export, tmp_path).path / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in ("columns", "pseudonymised", "pseudonym_key_fingerprint"):
        del manifest["options"][name]
    path.write_text(json.dumps(manifest))
    assert convert(export, tmp_path).outcome == "unchanged"
    with pytest.raises(UsageError, match="choice of columns all, not radnummer, status"):
        convert(export, tmp_path, columns="status")


def test_the_bytes_do_not_depend_on_who_reads(key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"drop": "beskrivelse", "pseudonymise": STRINGS[2:] + STRINGS[:1], "pseudonym_key": key}
    written = []
    ways: dict[str, dict[str, Any]] = {"none": {}, "small": {}, "two": {"workers": 2}, "old": {"reader": "iterparse"}}
    for name, how in ways.items():
        if name == "small":
            cut_into(monkeypatch, 4096)
        result = convert(SAMPLES / "faulty.xml", tmp_path / name, **options, **how)
        written.append({(part.path, part.sha256) for part in read_manifest(result.path).files if part.rows})
    assert written[0]
    assert written == [written[0]] * 4


BAD_OPTIONS: dict[str, tuple[list[str], str]] = {
    "unknown to keep": (["--columns", "status,alder"], "--columns names what is no column: alder; the columns are rad"),
    "unknown to drop": (["--drop", "Status"], "--drop names what is no column: Status; the columns are radnummer, "),
    "unknown to replace": (["--pseudonymise", "fnr", "--pseudonym-key", "KEY"], "--pseudonymise names what is no colu"),
    "both": (["--columns", "status", "--drop", "beskrivelse"], "--columns and --drop cannot be combined"),
    "radnummer": (["--drop", "status,radnummer"], "radnummer cannot be left out"),
    "empty": (["--drop", ""], "--drop has an empty name; is a variable not set?"),
    "empty among others": (["--columns", "status,"], "--columns has an empty name"),
    "no key": (["--pseudonymise", "epostadresse"], "--pseudonymise needs --pseudonym-key FILE; make one: (umask 077; "),
    "key alone": (["--pseudonym-key", "KEY"], "--pseudonym-key alone replaces nothing"),
    "both ways": (
        ["--pseudonymise", "epostadresse", "--pseudonym-key", "KEY", "--drop", "epostadresse"],
        "epostadresse is pseudonymised and left out",
    ),
    "a number": (["--pseudonymise", "radnummer", "--pseudonym-key", "KEY"], "radnummer is no column of strings, and "),
    "a time": (["--pseudonymise", "epostadresse_sist_oppdatert", "--pseudonym-key", "KEY"], "is no column of strings"),
    "an enumeration": (
        ["--pseudonymise", "status", "--pseudonym-key", "KEY"],
        f"status is no column of strings, and cannot be pseudonymised; choose from {', '.join(STRINGS)}",
    ),
    "bytes": (["--pseudonymise", CERTIFICATE, "--pseudonym-key", "KEY"], f"{CERTIFICATE} is no column of strings"),
    "partition left out": (
        ["--partition-by", "status", "--drop", "status"],
        "cannot partition by status: the column is left out",
    ),
}


@pytest.mark.parametrize(("arguments", "complaint"), BAD_OPTIONS.values(), ids=BAD_OPTIONS.keys())
def test_options_that_cannot_be_honoured_are_refused_before_anything_is_written(
    key: Path, tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    arguments = [str(key) if argument == "KEY" else argument for argument in arguments]
    ran = command.call("convert", SAMPLES / "valid.xml", tmp_path / "store", *arguments)
    assert ran.code == 2
    assert complaint in ran.last
    assert not (tmp_path / "store").exists()


def test_a_partition_by_pseudonyms_is_refused(key: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"partition_by": "status", "pseudonymise": "status", "pseudonym_key": key}
    with pytest.raises(UsageError, match="cannot partition by status: the column is pseudonymised"):
        convert(SAMPLES / "valid.xml", tmp_path / "store", **options)


BAD_KEYS: dict[str, tuple[bytes, int, str]] = {
    "short": (
        b"k" * 31,
        0o600,
        "has 31 bytes, and 32 to 4096 are needed; make one: (umask 077; openssl rand -hex 32 >",
    ),
    "empty": (b"", 0o600, "has 0 bytes, and 32 to 4096 are needed"),
    "long": (b"k" * 4097, 0o600, "has more than 4096 bytes"),
    "readable": (SECRET, 0o604, "is open to every user of the machine; chmod 600 bad.key"),
    "writable": (SECRET, 0o602, "is open to every user of the machine"),
}


@pytest.mark.parametrize(("secret", "mode", "complaint"), BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_key_that_protects_nothing_is_refused(tmp_path: Path, secret: bytes, mode: int, complaint: str) -> None:
    bad = make_key(tmp_path / "bad.key", secret, mode)
    with pytest.raises(InputError) as error:
        convert(b"not read", tmp_path / "store", pseudonymise="epostadresse", pseudonym_key=bad)
    assert f"the pseudonym key bad.key {complaint}" in str(error.value)
    assert str(tmp_path) not in str(error.value)
    assert not (tmp_path / "store").exists()


def test_what_is_no_key_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name, complaint in {
        "pipe": "is not a regular file",
        "directory": "is not a regular file",
        "nothing": "cannot be read: No such file or directory; check the path",
    }.items():
        with pytest.raises(InputError, match=f"^the pseudonym key {name} {complaint}"):
            convert(b"not read", tmp_path / "s", pseudonymise="epostadresse", pseudonym_key=tmp_path / name)


def test_nothing_of_the_key_is_written_or_said(tmp_path: Path) -> None:
    secret = b"SECRET-of-many-letters-PLANTED-here\n"
    path = make_key(tmp_path / "its-own-name.key", secret)
    hidden = ("--pseudonymise", "personidentifikator", "--pseudonym-key", path)
    store = tmp_path / "store"
    rest = (store, *hidden, "--compression", "none", "--max-rejects", "100%", "-v", "--json")
    said = []
    for source, code in (("faulty.xml", 0), ("faulty.xml", 0), ("absent.xml", 3)):
        ran = command.call("convert", SAMPLES / source, *rest)
        assert ran.code == code, ran.err
        said += [ran.out, ran.err]
    make_key(path, secret[::-1])  # another one
    ran = command.call("convert", SAMPLES / "faulty.xml", *rest)
    assert ran.code == 2
    options = krr_export.ConvertOptions(pseudonymise=("epostadresse",), pseudonym_key=path)
    everything = b"\n".join([all_that_lies_in(store), *(text.encode() for text in (*said, ran.out, ran.err))])
    assert PseudonymKey(secret).fingerprint.encode() in everything
    for known in (secret, secret[::-1]):
        plain = known.strip()
        for form in (plain, plain.hex().encode(), base64.b64encode(plain)[:-4], b"its-own-name"):
            assert form not in everything
        assert plain.decode() not in f"{options!r} {PseudonymKey(known)!r}"


def test_the_options_are_on_run_too_and_validate_has_none() -> None:
    names = {"columns", "drop", "pseudonymise", "pseudonym_key"}
    for of, has in ((convert_command, names), (run_command, names), (validate_command, set())):
        assert {parameter.name for parameter in of.params} & names == has


def test_a_file_and_the_environment_may_choose(key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "krr.toml"
    config.write_text(f'pseudonymise = ["personidentifikator"]\npseudonym-key = "{key}"\n')
    monkeypatch.setenv("KRR_EXPORT_COLUMNS", "personidentifikator,status reservasjon")
    ran = command.call("--config", config, "convert", SAMPLES / "valid.xml", tmp_path / "store")
    assert ran.code == 0, ran.err
    table = persons(tmp_path / "store/latest")
    assert table.column_names == ["radnummer", "personidentifikator", "reservasjon", "status"]
    assert {len(value) for value in table["personidentifikator"].to_pylist()} == {64}
