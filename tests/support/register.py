"""A made-up register with a history: every change has a number, and any range of them can be had as pages."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import Any
from xml.sax.saxutils import escape

EXPORT = "http://kontaktinfo.difi.no/xsd/eksporttjeneste/14-05"
PERSONS = "http://begrep.difi.no"
SERVICE = "http://kontaktinfo.difi.no/xsd/oppslagstjeneste/{version}"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"
UPDATED = "2014-02-25T12:08:00+01:00"


@dataclass(frozen=True)
class State:
    """One person: what the register knows."""

    number: str
    status: str = "AKTIV"
    reserved: str | None = "NEI"
    mobile: str | None = None
    email: str | None = None
    mailbox: str | None = None
    certificate: str | None = None
    """Base64."""

    @property
    def deleted(self) -> State:
        """The person after deletion."""
        return State(self.number, "SLETTET", None)

    def xml(self, more: str = "") -> str:
        """The element Person, its namespace being the default one."""
        parts = [f"<personidentifikator>{self.number}</personidentifikator>"]
        parts += [f"<reservasjon>{self.reserved}</reservasjon>"] if self.reserved else []
        parts += [f"<status>{self.status}</status>", more]
        contact = "".join(
            f'<{tag} sistOppdatert="{UPDATED}">{escape(value)}</{tag}>'
            for tag, value in (("Mobiltelefonnummer", self.mobile), ("Epostadresse", self.email))
            if value is not None
        )
        parts += [f"<Kontaktinformasjon>{contact}</Kontaktinformasjon>"] if contact else []
        if self.mailbox:
            address = f"<postkasseadresse>{self.mailbox}</postkasseadresse>"
            provider = "<postkasseleverandoerAdresse>984661185</postkasseleverandoerAdresse>"
            parts.append(f"<SikkerDigitalPostAdresse>{address}{provider}</SikkerDigitalPostAdresse>")
        parts += [f"<X509Sertifikat>{self.certificate}</X509Sertifikat>"] if self.certificate else []
        return f'<Person xmlns="{PERSONS}">{"".join(parts)}</Person>'

    def json(self) -> dict[str, Any]:
        """The person as REST tells of it."""
        person: dict[str, Any] = {
            "personidentifikator": self.number,
            "reservasjon": self.reserved,
            "status": self.status,
            "varslingsstatus": "KAN_VARSLES",
            "spraak": "nb",
        }
        if self.mobile is not None or self.email is not None:
            person["kontaktinformasjon"] = {
                "mobiltelefonnummer": self.mobile,
                "mobiltelefonnummer_oppdatert": "2014-02-25T12:08:00+01" if self.mobile is not None else "",
                "epostadresse": self.email,
                "epostadresse_oppdatert": "2014-02-25T11:08:00.000Z" if self.email is not None else None,
                "epostadresse_sist_validert": "2014-02-25T11:08:00.000Z",
            }
        if self.mailbox:
            person["digital_post"] = {"postkasseadresse": self.mailbox, "postkasseleverandoeradresse": "984661185"}
        if self.certificate:
            person["sertifikat"] = f"-----BEGIN CERTIFICATE-----\n{self.certificate}\n-----END CERTIFICATE-----\n"
        return person


@dataclass
class Register:
    """All changes in order: the change of number n is at place n - 1."""

    changes: list[State] = field(default_factory=list)

    def states(self, until: int) -> dict[str, State]:
        """The latest state of each person, by number, after so many changes."""
        return {state.number: state for state in self.changes[:until]}

    def export(self, until: int, day: int) -> bytes:
        """A full export."""
        persons = "\n".join(state.xml() for state in self.states(until).values())
        root = f'et:Kontaktregister xmlns:et="{EXPORT}" eksportTidspunkt="2014-02-{day}T12:00:00Z"'
        return f'<{root} senesteEndringsNummer="{until}">\n{persons}\n</et:Kontaktregister>\n'.encode()

    def page(self, first: int, size: int, until: int) -> tuple[int, list[State]]:
        """The last number and the persons of the page that begins with this number: each person at its last change."""
        last_of = {state.number: number for number, state in enumerate(self.changes[:until], start=1)}
        found: list[State] = []
        last = first - 1
        for number in range(first, until + 1):
            if len(found) == size:
                break
            state = self.changes[number - 1]
            last = number
            if last_of[state.number] == number:
                found.append(state)
        return last, found

    def pages(self, known: int, until: int, size: int, form: str) -> list[tuple[str, bytes]]:
        """The pages after a known number, as files: form is 16-02, 14-05, envelope or rest."""
        files, reached = [], known
        while reached < until:
            last, persons = self.page(reached + 1, size, until)
            files.append(
                (f"{reached}.{'json' if form == 'rest' else 'xml'}", written(form, reached, last, until, persons))
            )
            reached = last
        return files


def written(form: str, known: int, last: int, latest: int, persons: list[State]) -> bytes:
    """A page as it is delivered."""
    if form == "rest":
        page = {"list": [state.json() for state in persons]}
        return json.dumps(page | {"fraEndringsId": known, "tilEndringsId": last, "sisteEndringsId": latest}).encode()
    version = "14-05" if form == "14-05" else "16-02"
    numbers = f'fraEndringsNummer="{known + 1}" tilEndringsNummer="{last}" senesteEndringsNummer="{latest}"'
    answer = f'HentEndringerRespons xmlns="{SERVICE.format(version=version)}" {numbers}'
    more = "" if form == "14-05" else "<varslingsstatus>KAN_VARSLES</varslingsstatus>"
    content = f"<{answer}>{''.join(state.xml(more) for state in persons)}</HentEndringerRespons>"
    if form == "envelope":
        content = f'<s:Envelope xmlns:s="{SOAP_12}"><s:Header/><s:Body>{content}</s:Body></s:Envelope>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}'.encode()


def changed(state: State, **values: Any) -> State:  # noqa: ANN401 - fields of State
    """The person with other values."""
    return replace(state, **values)
