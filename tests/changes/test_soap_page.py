"""A page of the old web service is read as it stands, and nothing else is taken for one."""

from __future__ import annotations

import pytest
import register
from register import State

from krr_export.changes.soap_page import read_soap_page
from krr_export.errors import InputError
from krr_export.schema.registry import load_schema

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
PAGE = register.written("16-02", 6, 7, 7, [State("01851598730")])


@pytest.mark.parametrize("version", ["14-05", "16-02"])
@pytest.mark.parametrize("form", ["14-05", "16-02"])
def test_what_only_the_other_version_has_is_left_out_and_counted(version: str, form: str) -> None:
    page = read_soap_page("a", register.written(form, 6, 7, 7, [State("01851598730")]), "", load_schema(version))
    is_foreign = (version, form) == ("14-05", "16-02")
    assert page.unused == is_foreign
    assert (b"varslingsstatus" in page.persons[0].xml) == (form == "16-02" and not is_foreign)


def test_an_unknown_field_of_a_person_is_left_to_the_xsd() -> None:
    content = PAGE.replace(b"<status>", b"<ukjent/><status>")
    assert b"ukjent" in read_soap_page("a", content, "", load_schema("14-05")).persons[0].xml


@pytest.mark.parametrize("written", ["+7", " 7\n", "007"])
def test_numbers_may_be_written_as_the_xsd_allows(written: str) -> None:
    content = PAGE.replace(b'tilEndringsNummer="7"', f'tilEndringsNummer="{written}"'.encode())
    assert read_soap_page("a", content, "", load_schema("14-05")).range.last == 7


FAULT_11 = "<faultcode>{code}</faultcode><faultstring>Sender</faultstring><detail><a>Receiver</a></detail>"
FAULT_12 = (
    "<s:Code><s:Value>{code}</s:Value><s:Subcode><s:Value>s:Sender</s:Value></s:Subcode></s:Code>"
    "<s:Reason><s:Text>Receiver</s:Text></s:Reason>"
)


@pytest.mark.parametrize(("space", "fault"), [(SOAP_11, FAULT_11), (register.SOAP_12, FAULT_12)], ids=["1.1", "1.2"])
@pytest.mark.parametrize(
    ("code", "said"), [("s:Server", "Server"), ("hemmelig", "no known code"), ("", "no known code")]
)
def test_of_a_fault_its_code_is_said_from_where_a_code_stands(space: str, fault: str, code: str, said: str) -> None:
    inner = fault.format(code=code)
    content = f'<s:Envelope xmlns:s="{space}"><s:Body><s:Fault>{inner}</s:Fault></s:Body></s:Envelope>'
    with pytest.raises(InputError, match=rf"is a fault \({said}\) instead of an answer"):
        read_soap_page("a", content.encode(), "", load_schema("14-05"))


DEEP = b"<a>" * 5000 + b"</a>" * 5000


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (PAGE.replace(b"oppslagstjeneste/16-02", b"oppslagstjeneste/17-01"), "is no page of changes"),
        (PAGE.replace(b"oppslagstjeneste/16-02", b"eksporttjeneste/14-05"), "is no page of changes"),
        (PAGE.replace(b"http://begrep.difi.no", b"http://begrep.example.no"), "holds something else than persons"),
        (PAGE.replace(b"<status>", DEEP + b"<status>"), "is not well-formed XML"),
        (PAGE[:-9], "is not well-formed XML"),
        (PAGE.replace(b" senesteEndringsNummer", b" sisteEndringsNummer"), "senesteEndringsNummer is missing"),
    ],
    ids=["another version", "an export's name", "another register's persons", "depth", "cut", "a number is missing"],
)
def test_pages_of_something_else_are_refused(content: bytes, why: str) -> None:
    with pytest.raises(InputError, match=why):
        read_soap_page("a", content, "", load_schema("14-05"))
