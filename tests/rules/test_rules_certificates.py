"""Certificates are judged once each, by the export's time and the mailbox's provider, as openssl reads them."""

from __future__ import annotations

import re
import subprocess
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from rule_breaches import EXPORTED, Row, batch_of, codes

from krr_export.parsing.batch_view import BatchView
from krr_export.rules import certificates
from krr_export.rules.certificates import CertificateInfo, CertificateJudge, parse_certificate
from krr_export.rules.judge import Judge
from krr_export.synthetic.certificates import make_certificate

DIGIPOST, EBOKS = "984661185", "996460320"
KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
SECOND = timedelta(seconds=1)
RULES = {"certificate-unreadable", "certificate-not-yet-valid", "certificate-expired", "certificate-expires-soon",
         "certificate-of-another"}  # fmt: skip


def issued(
    subject: list[tuple[x509.ObjectIdentifier, str]],
    valid_from: datetime = datetime(2025, 1, 1, tzinfo=UTC),
    expires: datetime = datetime(2028, 1, 1, tzinfo=UTC),
) -> bytes:
    """A certificate in DER, of an issuer whose own name holds an organisation number."""
    issuer = [x509.NameAttribute(NameOID.ORGANIZATION_IDENTIFIER, "NTRNO-983163327"),
              x509.NameAttribute(NameOID.SERIAL_NUMBER, "983163327")]  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .issuer_name(x509.Name(issuer))
        .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in subject]))
        .public_key(KEY.public_key())
        .serial_number(1)
        .not_valid_before(valid_from)
        .not_valid_after(expires)
    )
    return builder.sign(KEY, None).public_bytes(Encoding.DER)


def business(number: str = DIGIPOST, **validity: datetime) -> bytes:
    return issued([(NameOID.ORGANIZATION_NAME, "Eksempel AS"), (NameOID.SERIAL_NUMBER, number)], **validity)


def mailbox(der: bytes, provider: str = DIGIPOST) -> Row:
    return {"postkasseadresse": "a#0000", "postkasseleverandoer_adresse": provider, "x509_sertifikat": der}


def judged(*rows: Row) -> list[set[str]]:
    return [found & RULES for found in codes(*rows)]


def by_openssl(der: bytes) -> tuple[datetime, datetime, str]:
    """Both ends of validity, and the subject, as openssl reads them."""
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-dates", "-subject", "-dateopt", "iso_8601"]
    text = subprocess.run(command, input=der, check=True, capture_output=True).stdout.decode()
    start, end = (datetime.fromisoformat(found) for found in re.findall(r"not(?:Before|After)=(.*Z)", text))
    return start, end, text.partition("subject=")[2]


@pytest.mark.parametrize(
    ("subject", "organisation"),
    [
        ([(NameOID.ORGANIZATION_IDENTIFIER, f"NTRNO-{EBOKS}"), (NameOID.SERIAL_NUMBER, DIGIPOST)], EBOKS),
        ([(NameOID.SERIAL_NUMBER, DIGIPOST), (NameOID.ORGANIZATION_IDENTIFIER, f"NTRNO-{EBOKS}")], EBOKS),
        ([(NameOID.ORGANIZATION_IDENTIFIER, f"NTRNO-{EBOKS}")], EBOKS),
        ([(NameOID.SERIAL_NUMBER, DIGIPOST)], DIGIPOST),
        ([(NameOID.ORGANIZATION_IDENTIFIER, EBOKS)], EBOKS),
        ([(NameOID.SERIAL_NUMBER, f"NTRNO-{DIGIPOST}")], DIGIPOST),
        ([(NameOID.COMMON_NAME, "Kari Nordmann"), (NameOID.SERIAL_NUMBER, "UN:NO-9578-4050-1")], None),
        ([(NameOID.ORGANIZATION_IDENTIFIER, "NTRSE-996460320")], None),
        ([(NameOID.COMMON_NAME, f"NTRNO-{EBOKS}")], None),
        (
            [(NameOID.COMMON_NAME, "x" * 64), (NameOID.ORGANIZATION_NAME, "y" * 64), (NameOID.SERIAL_NUMBER, EBOKS)],
            EBOKS,
        ),
        ([], None),
    ],
)
def test_the_subject_alone_names_the_organisation(
    subject: list[tuple[x509.ObjectIdentifier, str]], organisation: str | None
) -> None:
    der = issued(subject)
    facts = parse_certificate(der)
    assert facts is not None
    assert facts.organisation == organisation
    start, end, text = by_openssl(der)
    assert (facts.valid_from, facts.expires) == (start, end)
    assert organisation is None or organisation in text


def sequence(content: bytes) -> bytes:
    """A SEQUENCE in DER."""
    size = len(content)
    length = (
        bytes([size]) if size < 0x80 else bytes([0x81, size]) if size < 0x100 else b"\x82" + size.to_bytes(2, "big")
    )
    return b"\x30" + length + content


def test_a_certificate_of_version_1_does_not_say_its_version() -> None:
    der, version = business(), b"\xa0\x03\x02\x01\x02"
    signed = x509.load_der_x509_certificate(der).tbs_certificate_bytes
    first = sequence(signed.partition(version)[2])
    found = parse_certificate(sequence(first + der.partition(signed)[2]))
    assert found == parse_certificate(der)
    assert found is not None
    assert found.organisation == DIGIPOST


def test_certificates_of_samples_are_read_as_openssl_reads_them() -> None:
    der = make_certificate(Random(1), EBOKS, "e-Boks AS", datetime(2025, 1, 31, 1, 2, 3, tzinfo=UTC))  # noqa: S311 - no secret
    facts = parse_certificate(der)
    start, end, subject = by_openssl(der)
    assert facts is not None
    assert (facts.valid_from, facts.expires, facts.organisation) == (start, end, EBOKS)
    assert f"serialNumber = {EBOKS}" in subject or f"serialNumber={EBOKS}" in subject


def test_validity_is_that_of_the_moment_of_the_export_to_the_second() -> None:
    exported = EXPORTED.replace(microsecond=0)
    soon = exported + timedelta(days=60)
    ders = {
        business(valid_from=exported): set(),
        business(valid_from=exported + SECOND): {"certificate-not-yet-valid"},
        business(expires=exported - SECOND): {"certificate-expired"},
        business(expires=exported): {"certificate-expires-soon"},
        business(expires=soon): {"certificate-expires-soon"},
        business(expires=soon + SECOND): set(),
        business(expires=datetime(2060, 1, 1, tzinfo=UTC)): set(),
    }
    assert judged(*map(mailbox, ders)) == list(ders.values())


DAMAGED = [
    b"",
    b"x",
    business()[:-1],
    business()[:40],
    business() + b"\0",
    business().replace(b"\x17\x0d", b"\x0c\x0d", 1),  # a time that says that it is a text
    b"\x30\x03\x02\x01\x01",
    bytes(1300),
]


@pytest.mark.parametrize("damage", DAMAGED)
def test_what_is_no_certificate_is_unreadable_and_nothing_else(damage: bytes) -> None:
    assert parse_certificate(damage) is None
    assert judged(mailbox(business()), mailbox(damage), mailbox(business())) == [
        set(),
        {"certificate-unreadable"},
        set(),
    ]


def test_the_certificate_is_the_provider_s_own() -> None:
    person = issued([(NameOID.COMMON_NAME, "Kari Nordmann")])
    rows = [
        mailbox(business(DIGIPOST), DIGIPOST),
        mailbox(business(DIGIPOST), EBOKS),
        mailbox(business(EBOKS), EBOKS),
        mailbox(person, EBOKS),
        {"x509_sertifikat": business(EBOKS)},
        {},
    ]
    assert judged(*rows) == [set(), {"certificate-of-another"}, set(), set(), set(), set()]


def test_each_distinct_certificate_is_parsed_once_in_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []

    def noted(der: bytes) -> CertificateInfo | None:
        parsed.append(der)
        return parse_certificate(der)

    monkeypatch.setattr(certificates, "parse_certificate", noted)
    judge = Judge(EXPORTED)
    ders = [business(DIGIPOST), business(EBOKS)]
    for _ in range(3):
        judge.find_violations(BatchView(batch_of([mailbox(der) for der in ders * 5])))
    assert sorted(parsed) == sorted(ders)


def test_memory_of_certificates_is_bounded() -> None:
    judge = CertificateJudge(EXPORTED)
    for start in range(0, 3000, 500):
        rows = [mailbox(bytes([number % 256, number // 256])) for number in range(start, start + 500)]
        assert len(list(judge.find_violations(BatchView(batch_of(rows))))) == 1
        assert len(judge._cache) <= 1024  # noqa: SLF001 - what is bounded is not shown
