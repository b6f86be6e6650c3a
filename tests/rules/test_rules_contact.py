"""Contact data, mailboxes and consistency: each rule says what it should, and nothing of what is absent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_breaches import EXPORTED, Breach, Row, batch_of, breaches, codes

from krr_export.domain import mailbox_providers
from krr_export.domain.mailbox_providers import ADDRESS_FORMS, PLACEHOLDERS, PROVIDERS
from krr_export.parsing.batch_view import BatchView
from krr_export.rules import contact, prefilter
from krr_export.rules.catalogue import RULE_NAMES
from krr_export.rules.judge import Judge

if TYPE_CHECKING:
    from collections.abc import Iterable

DIGIPOST, EBOKS, EBOKS_NEW, EBOKS_TEST = "984661185", "996460320", "922020175", "958935420"
OTHER = "974760673"
"""The organisation number of Brønnøysundregistrene: valid, and no mailbox provider's."""

IMMEDIATELY = timedelta(microseconds=1)


def of(column: str, values: Iterable[object]) -> list[set[str]]:
    return codes(*({column: value} for value in values))


def test_absent_values_are_said_nothing_of() -> None:
    assert codes({}, {"personidentifikator": None}) == [set(), set()]
    assert breaches() == []


@pytest.mark.parametrize(
    "number",
    ["99999999", "+4799999999", "004799999999", "40000000", "+47 99 99 99 99", "999-99-999", "9999_9999_1", "9999 9999",
     "+1 202 555 0100", "+4612345678", "12345678901", "+47_4_1_", "0046 12345678", "00 4712345"],
)  # fmt: skip
def test_mobiles_that_the_register_accepts_break_no_rule(number: str) -> None:
    assert of("mobiltelefonnummer", [number]) == [set()]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("9999999a", "mobile-pattern"),
        ("99999999+", "mobile-pattern"),
        ("(+47)99999999", "mobile-pattern"),
        ("9999\N{NO-BREAK SPACE}9999", "mobile-pattern"),
        ("٩٩٩٩٩٩٩٩", "mobile-pattern"),
        ("+47 99999999\n", "mobile-pattern"),
        ("", "mobile-pattern"),
        ("22222222", "mobile-first-digit"),
        ("+4722222222", "mobile-first-digit"),
        ("004722222222", "mobile-first-digit"),
        ("+47 22 22 22 22", "mobile-first-digit"),
        ("+47-_ -1", "mobile-first-digit"),
        ("+47     ", "mobile-first-digit"),
        ("+4712345", "mobile-first-digit"),
        ("00000000", "mobile-first-digit"),
    ],
)
def test_mobiles_that_the_register_would_not_accept_break_one_rule(number: str, code: str) -> None:
    assert of("mobiltelefonnummer", ["99999999", number, None]) == [set(), {code}, set()]


@given(st.lists(st.text("0049+ -_7x", max_size=13) | st.from_regex(r"\A(\+47|0047)?[49][0-9]{7}\Z"), max_size=20))
def test_mobiles_are_judged_as_the_rule_is_written(numbers: list[str]) -> None:
    def by_the_book(number: str) -> set[str]:
        if not re.fullmatch(r"\+?[- _0-9]+", number):
            return {"mobile-pattern"}
        norwegian = number.startswith(("0047", "+47"))
        rest = number.removeprefix("+47" if number[0] == "+" else "0047") if norwegian else number
        first = rest.strip("+- _")[:1]
        return {"mobile-first-digit"} if (norwegian or len(number) == 8) and first not in ("4", "9") else set()

    assert of("mobiltelefonnummer", numbers) == [by_the_book(number) for number in numbers]


# Cases of Apache Commons Validator's EmailValidatorTest, and others like them.
GOOD_EMAILS = [
    "jsmith@apache.org", "jsmith@apache.com", "jsmith@apache.info", "someone@yahoo.museum",
    "andy.noble@data-workshop.com", "andy-noble@data-workshop.com", "joe1blow@apache.org", "joe$blow@apache.org",
    "joe-@apache.org", "joe_@apache.org", "joe+@apache.org", "joe!@apache.org", "joe*@apache.org", "joe'@apache.org",
    "joe%45@apache.org", "joe?@apache.org", "joe&@apache.org", "joe=@apache.org", "+joe@apache.org",
    "!joe@apache.org", "'joe@apache.org", "joe/@apache.org", '"joe.@apache.org"@apache.org', '"joe blow"@apache.org',
    '"joe@"@apache.org', '"joe;"@apache.org', "abc-@abc.com", "abc_@abc.com", "abc-def@abc.com", "abc_def@abc.com",
    "someone@xn--d1abbgf6aiiy.xn--p1ai", "ola@blåbær.no", "bjørn@example.no", "a@b.co", "a@1.2.3.no",
    "O'Hara@example.no", "a@b--c.no", r"joe\ blow@apache.org",
]  # fmt: skip
BAD_EMAILS = [
    "jsmith@apache.", "jsmith@apache.c", "", " ", "joe", "@apache.org", "joe@", "joe@@apache.org", "joe.@apache.org",
    ".joe@apache.org", "joe..ok@apache.org", "joe@apache", "joe@ap/ache.org", "joe@apache.org ", " joe@apache.org",
    "joe blow@apache.org", "joe@apa che.org", "joe(@apache.org", "joe)@apache.org", "joe,@apache.org",
    "joe;@apache.org", "joe:@apache.org", "joe<@apache.org", "joe\x01@apache.org", "joe@apache..org",
    "joe@.apache.org", "joe@-apache.org", "joe@apache-.org", "joe@apache.o_g", "joe@apache.123", "joe@a_b.org",
    "joe@apache.org.", "joe@apache.org\n", "a@b.c1", '"joe@apache.org', 'jo"e@apache.org', "joe@[1.2.3.4]",
    "ola@blåbær.n", "ola@blå bær.no", "ola@-ærlig.no",
]  # fmt: skip


@pytest.mark.parametrize("address", GOOD_EMAILS)
def test_addresses_that_commons_accepts_break_no_rule(address: str) -> None:
    assert of("epostadresse", [address]) == [set()]


@pytest.mark.parametrize("address", BAD_EMAILS)
def test_addresses_that_commons_refuses_break_the_rule(address: str) -> None:
    assert of("epostadresse", ["ola@example.no", address, None]) == [set(), {"email-syntax"}, set()]


def mailbox(address: str, provider: str, certificate: bytes | None = None) -> Row:
    return {"postkasseadresse": address, "postkasseleverandoer_adresse": provider, "x509_sertifikat": certificate}


def about(code: str, *rows: Row) -> list[int]:
    """The rows that break this rule."""
    return [breach.row for breach in breaches(*rows) if breach.code == code]


def test_each_provider_has_a_form_of_address() -> None:
    assert set(ADDRESS_FORMS) == set(PROVIDERS.values())


def test_mailbox_addresses_have_the_form_of_their_providers() -> None:
    good = [
        mailbox("ola.nordmann#9YDT", DIGIPOST),
        mailbox("kåre.østby-å#0000", DIGIPOST),
        mailbox("0000000123", EBOKS),
        mailbox("9999999999", EBOKS_NEW),
        mailbox("00412345", EBOKS),
        mailbox("00412345", EBOKS_TEST),
        mailbox("0000000123", EBOKS_TEST),
        mailbox("whatever!", OTHER),
        mailbox("whatever!", PLACEHOLDERS[0]),
        {"postkasseadresse": "whatever!"},
    ]
    bad = [
        mailbox("0000000123", DIGIPOST),
        mailbox("ola.nordmann#9YD", DIGIPOST),
        mailbox("ola.nordmann#9YDTA", DIGIPOST),
        mailbox("ola nordmann#9YDT", DIGIPOST),
        mailbox("#9YDT1234", DIGIPOST),
        mailbox("ola.nordmann#9YDT\n", DIGIPOST),
        mailbox("ola.nordmann#9YDT", EBOKS),
        mailbox("000000012", EBOKS_NEW),
        mailbox("00000001234", EBOKS_TEST),
        mailbox("٠٠٠٠٠٠٠١٢٣", EBOKS),
    ]
    assert about("mailbox-address-form", *good, *bad, *good) == [len(good) + row for row in range(len(bad))]


@pytest.mark.parametrize(
    ("provider", "expected"),
    [
        (DIGIPOST, set()),
        (EBOKS_TEST, set()),
        (OTHER, {"provider-unknown"}),
        ("984661186", {"provider-check-digit"}),
        ("98466118", {"provider-check-digit"}),
        ("NO984661185", {"provider-check-digit"}),
        ("", {"provider-check-digit"}),
        *((number, {"provider-placeholder"}) for number in PLACEHOLDERS),
        (None, set()),
    ],
)
def test_each_provider_breaks_one_rule_at_the_most(provider: str, expected: set[str]) -> None:
    rows: list[Row] = [{"postkasseleverandoer_adresse": value} for value in (DIGIPOST, provider, EBOKS, provider)]
    assert codes(*rows) == [set(), expected, set(), expected]


# --- consistency


def person(**values: object) -> Row:
    return {"status": "AKTIV", "mobiltelefonnummer": "42000000"} | values


def test_who_is_deleted_or_unregistered_should_have_nothing_to_be_reached_by() -> None:
    given: Row = {
        "mobiltelefonnummer": "42000000",
        "epostadresse": "ola@example.no",
        "postkasseadresse": "0000000001",
        "x509_sertifikat": b"der",
        "reservasjon": "JA",
    }
    statuses = ("SLETTET", "IKKE_REGISTRERT", None)
    rows = [{"status": status, column: value} for status in statuses for column, value in given.items()]
    found = [breach for breach in breaches(*rows) if breach.code.startswith("inactive")]
    expected = [
        ("inactive-with-contact", "mobiltelefonnummer"),
        ("inactive-with-contact", "epostadresse"),
        ("inactive-with-mailbox", "postkasseadresse"),
        ("inactive-with-certificate", "x509_sertifikat"),
    ]
    assert found == [Breach(row, *expected[row % 5]) for row in range(10) if row % 5 < 4]


def test_a_mailbox_and_a_certificate_belong_together() -> None:
    rows = [
        mailbox("0000000001", EBOKS),
        mailbox("0000000001", EBOKS, b"der"),
        {"x509_sertifikat": b"der"},
        {},
    ]
    assert about("mailbox-without-certificate", *rows) == [0]
    assert about("certificate-without-mailbox", *rows) == [2]


def test_an_active_person_without_a_channel_is_counted_and_no_other() -> None:
    rows = [
        person(),
        person(mobiltelefonnummer=None),
        person(mobiltelefonnummer=None, epostadresse="ola@example.no"),
        person(mobiltelefonnummer=None, status="SLETTET"),
        person(mobiltelefonnummer=None, status=None),
        person(mobiltelefonnummer=None, postkasseadresse="0000000001"),
    ]
    assert about("active-without-channel", *rows) == [1, 5]


# --- times


@pytest.mark.parametrize("channel", ["mobiltelefonnummer", "epostadresse"])
@pytest.mark.parametrize("time", ["sist_oppdatert", "sist_verifisert"])
def test_times_lie_between_the_year_2000_and_the_export(channel: str, time: str) -> None:
    column, first = f"{channel}_{time}", datetime(2000, 1, 1, tzinfo=UTC)
    times = [first, first - IMMEDIATELY, EXPORTED, EXPORTED + IMMEDIATELY, None, datetime(1, 1, 1, tzinfo=UTC)]
    assert breaches(*({column: value} for value in times)) == [
        Breach(1, "time-before-2000", column),
        Breach(3, "time-after-export", column),
        Breach(5, "time-before-2000", column),
    ]


def test_a_verification_before_the_update_is_counted_by_channel() -> None:
    early, late = datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1, tzinfo=UTC) + IMMEDIATELY
    rows = [
        {f"{channel}_sist_oppdatert": updated, f"{channel}_sist_verifisert": verified}
        for channel in ("mobiltelefonnummer", "epostadresse")
        for updated, verified in ((early, late), (late, late), (late, early), (late, None), (None, early))
    ]
    assert breaches(*rows) == [
        Breach(2, "verified-before-updated", "mobiltelefonnummer_sist_verifisert"),
        Breach(7, "verified-before-updated", "epostadresse_sist_verifisert"),
    ]


# --- schemas that lack columns


BROKEN: Row = {
    "personidentifikator": "1",
    "status": "SLETTET",
    "mobiltelefonnummer": "22222222",
    "mobiltelefonnummer_sist_oppdatert": datetime(1999, 1, 1, tzinfo=UTC),
    "mobiltelefonnummer_sist_verifisert": datetime(1998, 1, 1, tzinfo=UTC),
    "epostadresse": "x",
    "postkasseadresse": "x",
    "postkasseleverandoer_adresse": DIGIPOST,
    "x509_sertifikat": b"x",
}


@pytest.mark.parametrize("missing", list(BROKEN))
def test_rules_pass_over_columns_that_are_not_there(missing: str) -> None:
    whole = breaches(BROKEN)
    without = breaches(BROKEN, columns=[column for column in BROKEN if column != missing])
    assert len({breach.code for breach in whole}) >= 9
    assert set(without) < set(whole)
    assert missing not in {breach.column for breach in without}


def test_breaches_come_in_the_order_of_the_catalogue() -> None:
    found = [breach.code for breach in Judge(EXPORTED).find_violations(BatchView(batch_of([BROKEN])))]
    assert found == sorted(found, key=RULE_NAMES.index)


PATTERNS = {
    prefilter.EMAIL_PATTERN: contact.EMAIL_RULE,
    prefilter.MOBILE_PATTERN: contact.MOBILE_RULE,
    mailbox_providers.NUMBER: mailbox_providers.NUMBER,
    mailbox_providers.NAME_AND_SIGNS: mailbox_providers.NAME_AND_SIGNS,
}
PIECES = ["a", "Z", "0", "9", "47", "+47", "0047", "42345678", ".", "-", "_", "+", "@", "example", "no", "#12ab", "#"]
ODD = st.lists(st.sampled_from([*PIECES, " ", "ø", "\n", "\x00", "(", '"', "com"]), max_size=12).map("".join)


@given(
    values=st.lists(st.one_of(ODD, *map(st.from_regex, PATTERNS), st.none())),
    seed=st.integers(min_value=0, max_value=2**16),
)
def test_what_is_match_at_a_glance_is_what_the_expressions_say_and_breaks_no_rule(
    values: list[str | None], seed: int
) -> None:
    column = pa.array(["before", *values], pa.string())[1:]
    among = np.array([value is not None and seed >> place % 16 & 1 for place, value in enumerate(values)], np.bool_)
    for pattern, rule in PATTERNS.items():
        rows = set(prefilter.unmatched_rows(column, among, pattern).tolist())
        for row, value in enumerate(values):
            is_match = value is not None and re.fullmatch(pattern.removesuffix("$"), value, re.ASCII) is not None
            # Characters beyond ASCII are left to the expression.
            may_be_left = pattern == mailbox_providers.NAME_AND_SIGNS and value is not None and not value.isascii()
            assert row in rows or is_match or not among[row], value
            assert row not in rows or not is_match or may_be_left, value
            assert not is_match or re.fullmatch(rule.removesuffix("$"), value or ""), value
