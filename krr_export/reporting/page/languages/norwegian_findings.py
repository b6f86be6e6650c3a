"""Meaning of each code and what to do, in Norwegian bokmål: of every code of the catalogue, which a test asks for.

The code of a later version, in a report that this one reads, is shown in English.
"""

from __future__ import annotations

_MEND = "be avsenderen om å rette verdien"
_XSD = "sammenlign posten med XSD-en; er --schema riktig versjon?"
_WHOLE = "be avsenderen om å levere posten hel"
_WHICH = "spør avsenderen hva som er riktig"
_OFFSET = "be avsenderen om tidspunkter med tidssone"

FINDINGS: dict[str, tuple[str, str]] = {
    "old-element-name": (
        "et element har skrivemåten som gjaldt før mars eller april 2014",
        "be avsenderen om en eksport i gjeldende format",
    ),
    "database-null": (
        r"en verdi er \N, NULL fra en databasedump som har lekket inn i eksporten",
        "be avsenderen om å utelate elementet eller attributtet når det ikke har noen verdi",
    ),
    "element-unexpected": (
        "et element står der XSD-en ikke har plass til det: ukjent, gjentatt eller i feil rekkefølge",
        _XSD,
    ),
    "element-namespace": (
        "et element har et kjent navn, men i et annet navnerom enn XSD-ens",
        "be avsenderen om å rette navneromsdeklarasjonene",
    ),
    "element-missing": ("et element som XSD-en krever, mangler", _WHOLE),
    "attribute-unexpected": ("et attributt står der XSD-en ikke har noe", _XSD),
    "attribute-missing": ("et attributt som XSD-en krever, mangler", _WHOLE),
    "text-unexpected": ("tekst står der XSD-en bare har elementer", "be avsenderen om å rette posten"),
    "value-length": (
        "en verdi har ikke det antallet tegn som XSD-en krever",
        f"{_MEND}; har innledende nuller falt bort?",
    ),
    "value-too-short": (
        "en verdi har færre tegn enn XSD-en tillater",
        f"{_MEND}, eller utelate elementet når det ikke har noen",
    ),
    "value-too-long": ("en verdi har flere tegn enn XSD-en tillater", _MEND),
    "value-not-in-list": (
        "en verdi er ikke blant dem som XSD-en lister opp",
        "sammenlign med listen i XSD-en; er --schema riktig versjon?",
    ),
    "value-type": (
        "en verdi er ikke av typen som XSD-en angir, slik som dato og klokkeslett eller base64",
        _MEND,
    ),
    "value-facet": (
        "en verdi bryter en annen begrensning på typen sin, slik som et mønster eller en grense",
        "sammenlign verdien med XSD-en",
    ),
    "record-invalid": (
        "XSD-en avviser posten av en grunn som ikke har noen egen kode",
        "valider postens bytes i rejects/ med xmllint --schema",
    ),
    "time-without-offset": (
        "et tidspunkt er uten tidssone: regnet som norsk tid (Europe/Oslo)",
        "ingenting, hvis avsenderen skriver norsk tid",
    ),
    "time-ambiguous": (
        "et tidspunkt uten tidssone ligger i timen som gjentas når sommertiden slutter: regnet som første gang",
        _OFFSET,
    ),
    "time-skipped": (
        "et tidspunkt uten tidssone ligger i timen som sommertiden hopper over: regnet med tidssonen før omstillingen",
        _OFFSET,
    ),
    "time-midnight-24": ("et tidspunkt er skrevet som 24:00:00: regnet som midnatt neste dag", "ingenting"),
    "time-fraction-cut": (
        "et tidspunkt har mer enn seks desimaler i sekundet: kuttet til mikrosekunder",
        "ingenting, med mindre nanosekunder betyr noe",
    ),
    "time-out-of-range": (
        "en dato eller et tidspunkt ligger utenfor årene 0001 til 9999: null i tabellen",
        _MEND,
    ),
    "date-offset-dropped": (
        "en dato har en tidssone, som tabellens type ikke kan holde: bare datoen er beholdt",
        "ingenting, hvis det bare er datoen som er ment",
    ),
    "identifier-not-digits": ("en personidentifikator er ikke elleve sifre", _MEND),
    "identifier-check-digits": (
        "kontrollsifrene i en personidentifikator er feil, både etter dagens regel og etter den fra 2032",
        _MEND,
    ),
    "identifier-date": ("en personidentifikator begynner ikke med en dato for noen kjent type nummer", _MEND),
    "identifier-duplicate": (
        "en personidentifikator forekommer mer enn én gang i eksporten; den første er ikke regnet med",
        "tell før du kobler: GROUP BY personidentifikator HAVING count(*) > 1 viser hvilke; spør avsenderen",
    ),
    "mobile-pattern": (
        "et mobilnummer har andre tegn enn sifre, mellomrom, bindestrek, understrek og et plusstegn foran",
        _MEND,
    ),
    "mobile-first-digit": ("et norsk mobilnummer begynner ikke med 4 eller 9", _MEND),
    "email-syntax": ("en e-postadresse har ikke form som en e-postadresse", _MEND),
    "mailbox-address-form": (
        "en postkasseadresse har ikke den formen som leverandørens adresser har",
        _MEND,
    ),
    "provider-check-digit": (
        "organisasjonsnummeret til en postkasseleverandør er ikke ni sifre med riktig kontrollsiffer",
        _MEND,
    ),
    "provider-placeholder": (
        "organisasjonsnummeret til en postkasseleverandør er et som dokumentasjonen bruker som eksempel",
        _MEND,
    ),
    "inactive-with-contact": (
        "en person som er slettet eller ikke registrert, har mobilnummer eller e-postadresse",
        _WHICH,
    ),
    "inactive-with-mailbox": ("en person som er slettet eller ikke registrert, har postkasse", _WHICH),
    "inactive-with-certificate": ("en person som er slettet eller ikke registrert, har sertifikat", _WHICH),
    "mailbox-without-certificate": ("en person har postkasse, men ikke noe sertifikat å kryptere for", _WHICH),
    "certificate-without-mailbox": ("en person har sertifikat, men ingen postkasse", _WHICH),
    "time-after-export": ("kontaktopplysninger er oppdatert eller bekreftet etter at eksporten ble laget", _MEND),
    "time-before-2000": (
        "kontaktopplysninger er oppdatert eller bekreftet før år 2000: da fantes ikke registeret",
        _MEND,
    ),
    "certificate-unreadable": ("et sertifikat er ikke X.509", _MEND),
    "certificate-not-yet-valid": (
        "et sertifikat var ennå ikke gyldig da eksporten ble laget",
        "vent på en senere eksport, eller spør postkasseleverandøren",
    ),
    "certificate-expired": (
        "et sertifikat var ikke lenger gyldig da eksporten ble laget",
        "be postkasseleverandøren om det gjeldende: det som krypteres for dette, kan kanskje ikke leses",
    ),
    "certificate-of-another": (
        "et sertifikat er utstedt til en annen organisasjon enn postkasseleverandøren",
        _WHICH,
    ),
    "partition-other": (
        "en verdi å dele etter er verken listet i XSD-en eller ni sifre, eller er én for mye: raden er i filene other",
        "ingenting er tapt; spør avsenderen om verdien er riktig",
    ),
    "identifier-check-digits-2032": (
        "kontrollsifrene i en personidentifikator er riktige bare etter regelen fra 2032",
        "før 2032: spør avsenderen; senere: ingenting",
    ),
    "identifier-century": (
        "individnummeret og året i et fødselsnummer hører ikke til noe århundre",
        "før 2032: spør avsenderen; senere: ingenting, nyere nummer sier ikke noe om århundret",
    ),
    "identifier-synthetic": (
        "en personidentifikator er syntetisk, eller et H-nummer: ingen i registeret har den",
        "ingenting i et testmiljø; ellers har testdata kommet inn i eksporten",
    ),
    "provider-unknown": (
        "organisasjonsnummeret til en postkasseleverandør er riktig, men ikke det til en kjent leverandør",
        "slå det opp i Brønnøysundregistrene: en ny leverandør?",
    ),
    "active-without-channel": (
        "en aktiv person har verken mobilnummer eller e-postadresse",
        "ingenting: omtrent 3 av 100 har ingen av delene; de kan ikke varsles",
    ),
    "verified-before-updated": (
        "kontaktopplysninger ble oppdatert etter at de sist ble bekreftet",
        "ingenting: det nyeste av de to tidspunktene teller",
    ),
    "certificate-expires-soon": (
        "et sertifikat utløper innen 60 dager etter eksporten",
        "ingenting, hvis det nye sertifikatet kommer med de neste eksportene",
    ),
}
