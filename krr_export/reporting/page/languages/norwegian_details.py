"""Texts of masked details in Norwegian bokmål; the English ones are in `findings.detail`."""

from __future__ import annotations

from krr_export.findings.detail import DetailWords

_ATTRIBUTE = "et attributt som XSD-en ikke har her"

DETAILS = DetailWords(
    kinds={
        "empty": "tom",
        "white space": "{n} tegn, blanke tegn",
        "digits": "{n} tegn, sifre",
        "letters": "{n} tegn, bokstaver",
        "letters and digits": "{n} tegn, bokstaver og sifre",
        "mixed": "{n} tegn, blandet",
        "mixed, some not ASCII": "{n} tegn, blandet, noen utenfor ASCII",
        "octets": "{n} oktett|{n} oktetter",
        "time": "et tidspunkt",
        "value": "en verdi",
        "database null": r"verdien er \N",
        "element missing": "elementet mangler",
        "element misplaced": "elementet er gjentatt, eller ikke på sin plass",
        "element unknown": "et element som XSD-en ikke kjenner",
        "element of another namespace": "elementet er i et annet navnerom",
        "element of an old name": "skrevet som {name}, skrivemåten før våren 2014",
        "element in nothing": "et element der XSD-en ikke har noe",
        "element in text": "et element der XSD-en bare har tekst",
        "text among elements": "tekst der XSD-en bare har elementer",
        "attribute missing": "attributtet mangler",
        "attribute unknown": _ATTRIBUTE,
        "attribute of XML Schema": f"{{name}}, {_ATTRIBUTE}",
        "refused": "avvist av XSD-en",
    },
    limits={
        "length": "XSD-en krever {value} tegn",
        "minLength": "XSD-en krever minst {value}",
        "maxLength": "XSD-en tillater {value}",
        "enumeration": "XSD-en tillater {value}",
        "type": "XSD-en krever xs:{value}",
        "other": "XSD-en krever noe annet",
    },
)
