"""Kinds of identity number, names of providers, and what certificates say are derived as others read them."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import derivations
import pyarrow as pa
import pytest
from deliveries import openssl
from stdnum.no import orgnr

from krr_export.domain.identity_numbers import KINDS
from krr_export.domain.mailbox_providers import PROVIDERS
from krr_export.schema.registry import load_schema
from krr_export.transform import DeriveOptions, build_derivation
from krr_export.transform.catalogue import CATALOGUE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("identifier", "kind"),
    [
        ("20036914700", "fodselsnummer"),
        ("30108299939", "fodselsnummer"),
        ("55102499947", "d-nummer"),
        ("03851598730", "syntetisk"),
        ("41819077302", "syntetisk-d-nummer"),
        ("20686914700", "syntetisk-nhn"),
        ("20436914700", "h-nummer-eller-syntetisk-nav"),
        ("20036914712", "fodselsnummer"),  # its check digits are wrong: that is for the rules to say
        ("00000000000", "ukjent"),
        ("abcdefghijk", "ukjent"),
        (None, None),  # where a schema of one's own lets it be absent
    ],
)
def test_an_identity_number_is_of_the_kind_that_its_day_and_month_tell(
    identifier: str | None, kind: str | None
) -> None:
    assert derivations.derive([{"personidentifikator": identifier}], "identifikatortype") == [
        {"identifikatortype": kind}
    ]


def test_a_provider_is_named_where_its_number_is_known() -> None:
    numbers = [*PROVIDERS, "974760673", "984661186", "", None]
    found = derivations.derive([{"postkasseleverandoer_adresse": n} for n in numbers], "postkasseleverandoer_navn")
    assert [row["postkasseleverandoer_navn"] for row in found] == [*PROVIDERS.values(), None, None, None, None]
    assert all(orgnr.is_valid(number) for number in PROVIDERS)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """Certificates that openssl made, of several ages."""
    directory = tmp_path_factory.mktemp("certificates")
    return [_certificate(directory / f"{days}.der", days) for days in (1, 400, 2_900_000)]


def _certificate(path: Path, days: int) -> bytes:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path.with_suffix(".key"))
    openssl("req", "-x509", *key, "-subj", "/CN=test", "-days", str(days), "-outform", "DER", "-out", path)
    return path.read_bytes()


def test_a_certificate_has_the_fingerprint_and_the_end_that_openssl_reads(certificates: list[bytes]) -> None:
    wanted = ("x509_sertifikat_sha256", "x509_sertifikat_utloeper")
    found = derivations.derive([{"x509_sertifikat": der} for der in [*certificates, *certificates]], *wanted)
    for der, row in zip([*certificates, *certificates], found, strict=True):
        said = openssl(
            "x509", "-inform", "DER", "-noout", "-fingerprint", "-sha256", "-enddate", "-dateopt", "iso_8601", stdin=der
        )
        digits = re.search(r"ingerprint=([0-9A-F:]+)", said.decode())
        end = re.search(r"notAfter=(.*)Z", said.decode())
        assert digits
        assert end
        assert row["x509_sertifikat_sha256"] == digits[1].replace(":", "").lower()
        assert row["x509_sertifikat_utloeper"] == datetime.fromisoformat(end[1]).replace(tzinfo=UTC)
    assert found[2]["x509_sertifikat_utloeper"] > datetime.now(UTC) + timedelta(days=2_899_000)


VERSION_3 = bytes.fromhex("a003020102")


@pytest.mark.parametrize(
    "mangle",
    [
        lambda der: der[:-1],
        lambda der: der + b"\0",
        lambda _: b"",
        lambda _: b"\x30\x00",
        lambda der: der.replace(VERSION_3, VERSION_3[:-1] + b"\x55", 1),  # of a version that there is not
    ],
)
def test_what_is_no_certificate_has_a_fingerprint_and_no_end(certificates: list[bytes], mangle: object) -> None:
    assert callable(mangle)
    octets = mangle(certificates[0])
    (row,) = derivations.derive([{"x509_sertifikat": octets}], "x509_sertifikat_sha256", "x509_sertifikat_utloeper")
    assert row == {"x509_sertifikat_sha256": hashlib.sha256(octets).hexdigest(), "x509_sertifikat_utloeper": None}


def test_a_column_of_certificates_may_come_plain_or_encoded(certificates: list[bytes]) -> None:
    plain = derivations.batch([{"x509_sertifikat": der} for der in [certificates[1], None, certificates[1]]])
    index = plain.schema.get_field_index("x509_sertifikat")
    column = plain.column(index).dictionary_encode()
    encoded = plain.set_column(index, pa.field("x509_sertifikat", column.type), column)
    derivation = build_derivation(load_schema(), derivations.EXPORTED, DeriveOptions(("all",)))
    assert derivation.apply(plain).select(range(-2, 0)) == derivation.apply(encoded).select(range(-2, 0))


@pytest.mark.parametrize("name", CATALOGUE)
def test_each_column_has_the_type_and_the_values_that_are_said_of_it_even_of_no_records(name: str) -> None:
    derived = CATALOGUE[name]
    derivation = build_derivation(load_schema(), derivations.EXPORTED, DeriveOptions((name,)))
    nothing: dict[str, object] = {}
    for records in ([], [nothing, nothing]):
        applied = derivation.apply(derivations.batch(records))
        column = applied.column(applied.num_columns - 1)
        assert column.type == derived.arrow_type == applied.schema.field(name).type
        assert applied.schema.field(name).nullable == derived.nullable
        assert pa.types.is_dictionary(column.type) == bool(derived.values)
        if derived.values:
            assert tuple(column.dictionary.to_pylist()) == derived.values
        if name not in {"varslingsstatus", "identifikatortype"}:
            assert column.null_count == len(records), "of nothing comes nothing"
    assert derived.documentation


def test_kinds_are_those_of_the_rules() -> None:
    assert CATALOGUE["identifikatortype"].values == KINDS
