"""A look at the beginning of an export."""

from __future__ import annotations

import gzip
import io
import json
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import command
import pytest
from exports import tiny_xml

from krr_export.errors import InputError, UsageError
from krr_export.jobs.inspect import inspect
from krr_export.parsing.tokenizing import RecordTokenizer, TokenizedRecords

if TYPE_CHECKING:
    from collections.abc import Callable

SAMPLES = Path(__file__).parents[2] / "samples"
PLANTED = ["03851598730", "+4799887766", "kari.planted@example.no", "kari.planted#9YDT", "984661185", "0123456789"]


class Endless(io.RawIOBase):
    """A file of any size that must not be read far."""

    def __init__(self, head: bytes, allowed: int) -> None:
        self._head, self._allowed, self.given = io.BytesIO(head), allowed, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self._head.read(size) or b" " * size
        self.given += len(piece)
        if self.given > self._allowed:
            raise AssertionError("read too far")
        return piece


def test_it_shows_what_the_export_says_of_itself_and_which_schemas_fit() -> None:
    found = inspect(SAMPLES / "valid.xml")
    assert (found.source, found.compression, found.encoding) == ("valid.xml", "none", "UTF-8")
    assert (found.eksport_tidspunkt, found.seneste_endringsnummer) == ("2026-02-26T12:22:25.000+01:00", 41234567)
    assert (found.schema, found.judged, found.accepted_by) == ("14-05", 40, {"14-05": 40, "16-02": 40})
    assert [record.number for record in found.records] == [1, 2, 3, 4, 5]


def test_another_version_is_recognised_and_suggested() -> None:
    found = inspect(SAMPLES / "16-02.xml")
    assert found.accepted_by == {"14-05": 0, "16-02": 40}
    assert "schema    16-02 accepts 40 of the first 40 records: try --schema 16-02" in list(found.lines())
    assert inspect(SAMPLES / "16-02.xml", "16-02").records[0].accepted


def test_a_schema_of_ones_own_stands_beside_the_built_in_ones(tmp_path: Path) -> None:
    xsd = (SAMPLES.parent / "xsd" / "oppslagstjeneste-metadata-14-05.xsd").read_text()
    own = tmp_path / "own.xsd"
    own.write_text(xsd.replace('name="beskrivelse" type', 'name="merknad" type'))
    assert inspect(SAMPLES / "valid.xml", own).accepted_by["14-05"] == 40
    assert list(inspect(SAMPLES / "valid.xml", own).accepted_by) == ["own", "14-05", "16-02"]


def test_a_schema_whose_record_has_another_name_accepts_none(tmp_path: Path) -> None:
    own = tmp_path / "own.xsd"
    own.write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="Innbygger"><xs:complexType>'
        '<xs:sequence><xs:element name="a" type="xs:int"/></xs:sequence></xs:complexType></xs:element>'
        '<xs:element name="Register"><xs:complexType><xs:sequence>'
        '<xs:element ref="Innbygger" minOccurs="0" maxOccurs="unbounded"/></xs:sequence>'
        '<xs:attribute name="eksportTidspunkt" type="xs:dateTime"/>'
        '<xs:attribute name="senesteEndringsNummer" type="xs:long"/>'
        "</xs:complexType></xs:element></xs:schema>"
    )
    records = b"<Innbygger><a>1</a></Innbygger>" * 2
    start = b'<Register eksportTidspunkt="2026-02-26T12:22:25Z" senesteEndringsNummer="1">'
    found = inspect(io.BytesIO(start + records + b"</Register>"), own)
    assert found.accepted_by == {"own": 2, "14-05": 0, "16-02": 0}


def test_refused_records_show_their_findings_in_their_place() -> None:
    records = inspect(SAMPLES / "faulty.xml").records
    assert [record.accepted for record in records] == [True, True, False, True, False]
    assert [[finding.code for finding in record.findings] for record in records if not record.accepted] == [
        ["old-element-name"],
        ["database-null"],
    ]
    assert records[2].values == records[4].values == {}


def test_values_are_masked_by_kind(export: Callable[..., bytes]) -> None:
    inner = (
        "<status>AKTIV</status><beskrivelse/>",
        tiny_xml.contact(PLANTED[2], 'sistOppdatert="2014-02-25T13:08:00" sistVerifisert="2014-02-25T13:08:00Z"'),
        "<X509Sertifikat>QUJD</X509Sertifikat>",
    )
    found = inspect(io.BytesIO(export(tiny_xml.person(*inner))))
    assert found.records[0].values == {
        "personidentifikator": "11 characters, digits",
        "reservasjon": "absent",
        "status": "AKTIV",
        "beskrivelse": "empty",
        "mobiltelefonnummer": "absent",
        "mobiltelefonnummer_sist_oppdatert": "absent",
        "mobiltelefonnummer_sist_verifisert": "absent",
        "epostadresse": "23 characters, mixed",
        "epostadresse_sist_oppdatert": "time without offset",
        "epostadresse_sist_verifisert": "time with offset",
        "postkasseadresse": "absent",
        "postkasseleverandoer_adresse": "absent",
        "x509_sertifikat": "binary",
    }


def test_no_personal_value_is_shown_of_accepted_or_refused_records(export: Callable[..., bytes]) -> None:
    phone = f"<Kontaktinformasjon><Mobiltelefonnummer>{PLANTED[1]}</Mobiltelefonnummer></Kontaktinformasjon>"
    mailbox = (
        f"<SikkerDigitalPostAdresse><postkasseadresse>{PLANTED[3]}</postkasseadresse>"
        f"<postkasseleverandoerAdresse>{PLANTED[4]}</postkasseleverandoerAdresse></SikkerDigitalPostAdresse>"
    )
    data = export(
        tiny_xml.person(phone, mailbox),
        tiny_xml.person(tiny_xml.contact(PLANTED[2])),
        tiny_xml.person(f"<status>{PLANTED[2]}</status>"),
        tiny_xml.person(f'<A{PLANTED[0]} b="{PLANTED[1]}"/>'),
        f'<Person x{PLANTED[5]}="1">{PLANTED[5]}</Person>',
    )
    found = inspect(io.BytesIO(data))
    shown = json.dumps(found.to_dict()) + "\n".join(found.lines())
    assert [record.accepted for record in found.records] == [True, True, False, False, False]
    assert [value for value in PLANTED if value in shown] == []


def test_it_can_be_written_as_json_with_all_keys() -> None:
    document = json.loads(json.dumps(inspect(SAMPLES / "faulty.xml").to_dict()))
    assert list(document) == [
        "source",
        "compression",
        "encoding",
        "delivery",
        "eksport_tidspunkt",
        "seneste_endringsnummer",
        "schema",
        "judged",
        "accepted_by",
        "records",
    ]
    assert list(document["records"][0]) == ["number", "accepted", "findings", "values"]


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_only_the_beginning_is_read(export: Callable[..., bytes], compress: Callable[[bytes], bytes]) -> None:
    data = compress(export(*[tiny_xml.person()] * 50_000))
    stream = Endless(data, allowed=2 << 20)
    assert inspect(stream).judged == 100  # type: ignore[arg-type]  # as good as a BinaryIO
    assert stream.given <= 1 << 19


def test_a_pipe_that_stays_open_is_not_waited_for(export: Callable[..., bytes]) -> None:
    reading, writing = os.pipe()
    os.write(writing, export(*[tiny_xml.person()] * 20)[:-100])
    with os.fdopen(reading, "rb") as stream:
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(inspect(stream).judged), daemon=True)
        thread.start()
        thread.join(command.HANG)
        assert found == [18]
        os.close(writing)


@pytest.mark.parametrize("name", ["valid.xml", "valid.xml.gz"])
def test_an_export_that_is_cut_later_has_a_beginning_all_the_same(name: str) -> None:
    data = (SAMPLES / name).read_bytes()
    found = inspect(io.BytesIO(data[: len(data) * 3 // 4]))
    assert found.judged > 5
    assert len(found.records) == 5


def test_an_export_that_is_cut_in_its_beginning_is_refused_by_name(export: Callable[..., bytes]) -> None:
    data = export(tiny_xml.person(), tiny_xml.person())
    with pytest.raises(InputError, match="stream: the document is truncated"):
        inspect(io.BytesIO(data[:-40]))


def test_an_export_without_records_has_a_header_only(export: Callable[..., bytes]) -> None:
    found = inspect(io.BytesIO(export()))
    assert (found.judged, found.records, found.seneste_endringsnummer) == (0, (), 1724)
    assert found.accepted_by == {"14-05": 0, "16-02": 0}


def test_records_that_come_in_drops_are_gathered(export: Callable[..., bytes]) -> None:
    class Drops(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read(min(size or 0, 300))

    found = inspect(Drops(export(*[tiny_xml.person()] * 30)))
    assert [record.number for record in found.records] == [1, 2, 3, 4, 5]
    assert found.judged < 30


def test_the_export_must_be_there_and_the_schema_known(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.xml: no such file"):
        inspect(tmp_path / "none.xml")
    with pytest.raises(UsageError, match="no schema"):
        inspect(SAMPLES / "valid.xml", "15-01")


def test_what_stands_between_records_is_looked_at_a_few_times_however_much_it_is(
    export: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = 0
    tokenize = RecordTokenizer.tokenize

    def counted(self: RecordTokenizer, data: bytes) -> TokenizedRecords:
        nonlocal looked_at
        looked_at += len(data)
        return tokenize(self, data)

    class Pipe(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            return self.read(min(size or 0, 1 << 16))

    monkeypatch.setattr(RecordTokenizer, "tokenize", counted)
    data = export(*["<Person/>"] * 5, between="<?a?>" * 1_000_000)
    assert inspect(Pipe(data)).judged == 5
    assert looked_at < 16 * len(data)
