"""Requests and answers from both sides: what is made is opened, and what is changed, late or another's is not."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import soap_parties
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from soap_parties import NOW, find

from krr_export.changes.soap import messages
from krr_export.changes.soap.documents import MAX_BYTES, parse
from krr_export.changes.soap.envelope import FAULT_CODES, SoapFaultError, make_fault
from krr_export.changes.soap.names import SOAP_11, SOAP_12
from krr_export.changes.soap.protocol import sign_request, signature_of_request
from krr_export.errors import InputError

if TYPE_CHECKING:
    from krr_export.changes.soap.names import Cipher

CHARACTERS = st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")
TEXT = st.text(CHARACTERS, min_size=8, max_size=20)
RECIPIENT = {"encrypted": "client", "plain": None}


@settings(max_examples=30)
@given(
    text=TEXT,
    count=st.integers(0, 5),
    numbers=st.tuples(*[st.integers(-(2**63), 2**63 - 1)] * 3),
    cipher=st.sampled_from(["aes256-cbc", "aes256-gcm", None]),
)
def test_what_is_sealed_is_what_is_opened(
    text: str, count: int, numbers: tuple[int, int, int], cipher: Cipher | None
) -> None:
    persons = soap_parties.persons(count)
    for person in persons[:1]:
        find(person, "*/p:Mobiltelefonnummer").text = text
    page = messages.hent_endringer_respons(*numbers, persons)
    expected = etree.tostring(page, method="c14n", exclusive=True)
    sealed = soap_parties.answer(page, recipient="client" if cipher else None, cipher=cipher or "aes256-cbc")
    opened = soap_parties.open_answer(sealed)
    assert opened.document == expected + b"\n"
    assert opened.was_encrypted == (cipher is not None)
    assert opened.find_faults() == []
    assert cipher is None or b"Mobiltelefonnummer" not in sealed


def test_a_request_is_opened_and_its_answer_confirms_it() -> None:
    made = soap_parties.request()
    opened = soap_parties.open_request(made.document)
    assert (opened.on_behalf_of, opened.signature, opened.was_encrypted) == (soap_parties.ORGNR, made.signature, False)
    assert opened.certificate == soap_parties.party("client").certificate
    assert opened.message.get("fraEndringsNummer") == "600"
    assert signature_of_request(made.document) == made.signature
    answer = soap_parties.answer(confirms=opened.signature)
    assert len(soap_parties.open_answer(answer, request_signature=made.signature).message) == 3
    with pytest.raises(InputError, match="the answer to another request"):
        soap_parties.open_answer(answer, request_signature=soap_parties.request().signature[::-1])
    assert soap_parties.open_answer(answer, request_signature=None).signature


def test_an_answer_is_no_request_and_a_request_no_answer() -> None:
    with pytest.raises(InputError, match="not secured as a request is"):
        soap_parties.open_request(soap_parties.answer(recipient=None), trusted="register")
    with pytest.raises(InputError, match="does not confirm"):
        soap_parties.open_answer(soap_parties.request(on_behalf_of=None).document, trusted="client")


@pytest.mark.parametrize("early", [timedelta(minutes=5, seconds=1), timedelta(hours=1)])
def test_an_answer_is_opened_only_while_it_is_valid_give_or_take_five_minutes(early: timedelta) -> None:
    answer = soap_parties.answer()
    life = timedelta(seconds=60)
    for at in (NOW - early, NOW + life + early):
        with pytest.raises(InputError, match="--as-of"):
            soap_parties.open_answer(answer, at=at)
    for at in (NOW - timedelta(minutes=5), NOW, NOW + life + timedelta(minutes=5)):
        assert soap_parties.open_answer(answer, at=at).message is not None


def test_the_signers_certificate_must_have_been_valid() -> None:
    made = sign_request(messages.hent_print_sertifikat(), soap_parties.party("client"), now=NOW + timedelta(20))
    with pytest.raises(InputError, match="certificate was not valid at that time"):
        soap_parties.open_request(made.document, at=NOW + timedelta(20))


def test_another_signer_is_not_believed() -> None:
    with pytest.raises(InputError, match="signed by another than who is trusted"):
        soap_parties.open_answer(soap_parties.answer(signer="somebody"))


def test_an_unsigned_answer_is_refused() -> None:
    root = etree.Element(f"{{{SOAP_12}}}Envelope")
    body = etree.SubElement(root, f"{{{SOAP_12}}}Body")
    body.append(messages.hent_endringer_respons(1, 2, 3, []))
    with pytest.raises(InputError, match="it has no header"):
        soap_parties.open_answer(etree.tostring(root))


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("kind", ["request", "encrypted", "plain"])
def test_a_message_with_any_byte_changed_is_refused_or_says_the_same(kind: str, step: int) -> None:
    document = soap_parties.request().document if kind == "request" else soap_parties.answer(recipient=RECIPIENT[kind])
    open_ = soap_parties.open_request if kind == "request" else soap_parties.open_answer
    chance = random.Random(step)  # noqa: S311 - a seed, so that it fails again
    original, refused = open_(document), 0
    for position in range(step, len(document), 5):
        changed = bytearray(document)
        changed[position] ^= 1 << chance.randrange(8)
        try:
            opened = open_(bytes(changed))
        except InputError:
            refused += 1
            continue
        assert opened.document == original.document, position
        assert opened.on_behalf_of == original.on_behalf_of, position
    # The rest is what nothing is read from: the certificate but for its key, the recipient's name, mustUnderstand.
    assert refused > len(range(step, len(document), 5)) / 2


def test_every_byte_of_what_is_signed_counts() -> None:
    document = soap_parties.answer(recipient=None)
    chance = random.Random(3)  # noqa: S311 - a seed, so that it fails again
    for start, end in ((b"<wsu:Timestamp", b"</wsu:Timestamp>"), (b"<ds:SignedInfo", b"</ds:SignatureValue>"),
                       (b"<soap:Body", b"</soap:Body>")):  # fmt: skip
        for position in range(document.index(start), document.index(end), 3):
            changed = bytearray(document)
            changed[position] ^= 1 << chance.randrange(8)
            with pytest.raises(InputError):
                soap_parties.open_answer(bytes(changed))


def test_comments_do_not_cut_a_value_short() -> None:
    document = soap_parties.answer(recipient=None)
    (number,) = {person[0].text or "" for person in soap_parties.persons(1)}
    changed = document.replace(number.encode(), f"{number[:4]}<!-- -->{number[4:]}".encode())
    assert changed != document
    assert soap_parties.open_answer(changed).document == soap_parties.open_answer(document).document


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"<a/>",
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>",
        b"<?xml version='1.0' encoding='utf-16'?><a/>",
        "<!DOCTYPE a><a/>".encode("utf-16"),
        b"<?pi?>" + soap_parties.request().document,
        b"<!DOCTYPE e>" + soap_parties.request().document,
        # Each would be looked up for each other one, before the signature is found to be wrong.
        b"<e" + b"".join(b' xmlns:n%d="urn:%d"' % (n, n) for n in range(200)) + b"/>",
        b"<a>" + b" " * MAX_BYTES + b"</a>",
        b"<a>" * 10_000,
        b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"/>',
        b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Header/></Envelope>',
        b'<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/"><Body/><Header/></Envelope>',
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(data: bytes) -> None:
    for open_ in (soap_parties.open_answer, soap_parties.open_request):
        with pytest.raises(InputError):
            open_(data)


@pytest.mark.parametrize("soap", [SOAP_11, SOAP_12])
@pytest.mark.parametrize("code", sorted(FAULT_CODES))
def test_of_a_fault_its_code_is_said_and_never_its_text(code: str, soap: str) -> None:
    with pytest.raises(SoapFaultError, match=f"code {code};") as caught:
        soap_parties.open_answer(make_fault(code, "Service owner 12824747235 has no access", soap))
    assert caught.value.code == code
    assert caught.value.exit_code == 3
    assert "12824747235" not in str(caught.value)


@pytest.mark.parametrize("soap", [SOAP_11, SOAP_12])
def test_an_unknown_code_of_a_fault_is_not_said_either(soap: str) -> None:
    with pytest.raises(SoapFaultError, match="code unknown;"):
        soap_parties.open_answer(make_fault("P12824747235", "x", soap))


def test_the_most_exact_code_of_a_fault_counts() -> None:
    root = parse(make_fault("Sender", "x"))
    code = find(root, "//s:Code")
    etree.SubElement(etree.SubElement(code, f"{{{SOAP_12}}}Subcode"), f"{{{SOAP_12}}}Value").text = "w:MessageExpired"
    with pytest.raises(SoapFaultError, match="code MessageExpired;"):
        soap_parties.open_answer(etree.tostring(root))


@pytest.mark.parametrize("operation", messages.OPERATIONS)
def test_the_mailbox_providers_service_speaks_soap_1_1(operation: messages.Operation) -> None:
    fields: dict[str, Any] = {"provider": soap_parties.ORGNR} if operation != messages.OPERATIONS[0] else {}
    if operation in messages.OPERATIONS[2:5]:
        fields["address"] = "ola.nordmann#1234"
    message = messages.mailbox_request(operation, "12824747235", **fields)
    made = sign_request(message, soap_parties.party("client"), now=NOW)
    assert f'soap="{SOAP_11}"'.encode() in made.document
    opened = soap_parties.open_request(made.document)
    assert etree.QName(opened.message).localname == f"{operation}Forespoersel"
    status = "NEI" if operation == messages.OPERATIONS[0] else "FEILET"
    answer = messages.mailbox_answer(operation, status, "RESERVERT")
    assert soap_parties.open_answer(soap_parties.answer(answer)).message.findtext("{*}status") == status
