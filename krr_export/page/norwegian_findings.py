"""What each code means and what to do, in Norwegian bokmål. A code that is not here is shown in English."""

from __future__ import annotations

_MEND = "be avsenderen om å rette verdien"
_XSD = "sammenlign posten med XSD-en; er --schema riktig versjon?"
_WHOLE = "be avsenderen om å levere posten hel"
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
        "et tidspunkt uten tidssone ligger i timen som gjentas i oktober: regnet som første gang",
        _OFFSET,
    ),
    "time-skipped": (
        "et tidspunkt uten tidssone ligger i timen som hoppes over i mars: regnet med tidssonen før omstillingen",
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
}
