"""A page of REST becomes persons as an export writes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from krr_export.changes.rest_page import read_rest_pages
from krr_export.schema.registry import load_schema

SCHEMA = load_schema("14-05")
NUMBERS = {"fraEndringsId": 6, "tilEndringsId": 7, "sisteEndringsId": 7}


def xml_of(**fields: Any) -> tuple[str, int]:  # noqa: ANN401 - any JSON
    """A person of a page as XML, and the number of values that no column holds."""
    [page] = read_rest_pages("a", json.dumps({"list": [fields], **NUMBERS}).encode(), "", SCHEMA)
    return page.persons[0].xml.decode(), page.unused


@pytest.mark.parametrize(
    ("written", "as_in_export"),
    [
        ("2023-06-10T21:00:01+02", "2023-06-10T21:00:01+02:00"),
        ("2023-06-10T21:00:01-02", "2023-06-10T21:00:01-02:00"),
        ("2023-08-05T10:45:15.768Z", "2023-08-05T10:45:15.768Z"),
        ("2023-08-05T10:45:15+02:00", "2023-08-05T10:45:15+02:00"),
        ("2023-08-05", "2023-08-05"),
    ],
)
def test_a_time_with_a_short_offset_gets_a_whole_one_and_others_stay(written: str, as_in_export: str) -> None:
    for key in ("epostadresse_oppdatert", "mobiltelefonnummer_sist_verifisert"):
        xml, _ = xml_of(kontaktinformasjon={"mobiltelefonnummer": "1", "epostadresse": "b", key: written})
        assert f'"{as_in_export}"' in xml


@pytest.mark.parametrize("absent", [None, ""])
def test_absent_values_are_no_elements_however_absence_is_written(absent: str | None) -> None:
    group = {"mobiltelefonnummer": absent, "mobiltelefonnummer_oppdatert": absent, "ukjent": absent}
    xml, unused = xml_of(personidentifikator="1", reservasjon=absent, kontaktinformasjon=group, digital_post=None)
    assert xml == '<Person xmlns="http://begrep.difi.no"><personidentifikator>1</personidentifikator></Person>'
    assert unused == 0


def test_unknown_fields_are_tolerated_and_counted_whatever_their_type() -> None:
    _, unused = xml_of(spraak="nb", nytt=1, nyere=[], kontaktinformasjon={"epostadresse_duplisert": "JA", "nytt": True})
    assert unused == 5


def test_a_certificate_is_taken_with_or_without_its_frame() -> None:
    framed = "-----BEGIN CERTIFICATE-----\nMAsG\nCSqG\n-----END CERTIFICATE-----\n"
    assert "<X509Sertifikat>MAsGCSqG<" in xml_of(sertifikat=framed)[0]
    assert "<X509Sertifikat>MAsGCSqG<" in xml_of(sertifikat="MAsGCSqG")[0]
    assert "BEGIN" in xml_of(sertifikat=framed * 2)[0], "two are none: the XSD refuses it"
