"""SOAP envelopes, 1.1 and 1.2: made, taken apart by place alone, and faults distinguished from answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from lxml import etree

from krr_export.changes.soap.documents import parse
from krr_export.changes.soap.names import SOAP_11, SOAP_12, WSSE, WSU
from krr_export.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

FAULT_CODES = frozenset(
    {
        *("VersionMismatch", "MustUnderstand", "DataEncodingUnknown", "Sender", "Receiver", "Client", "Server"),
        *("UnsupportedSecurityToken", "UnsupportedAlgorithm", "InvalidSecurity", "InvalidSecurityToken"),
        *("FailedAuthentication", "FailedCheck", "SecurityTokenUnavailable", "MessageExpired"),
    }
)
"""The codes of SOAP 1.1 and 1.2, and of WS-Security 1.1. Nothing else of a fault is shown: it may quote values."""


class SoapFaultError(InputError):
    """A fault instead of an answer.

    Attributes:
        code: one of `FAULT_CODES`, the most exact that it has; ``None`` if it has none of them.
    """

    reason = "soap-fault"

    def __init__(self, code: str | None) -> None:
        super().__init__(
            f"the service answered with a fault, code {code or 'unknown'}; a fault is not signed",
            "its text is in the answer's file: it is not shown here, as it may quote personal data",
        )
        self.code = code

    def __reduce__(self) -> tuple[type[SoapFaultError], tuple[str | None]]:  # type: ignore[override]  # made from the code alone
        return type(self), (self.code,)


@dataclass(frozen=True)
class Envelope:
    """An envelope, taken apart by place.

    Attributes:
        root: the envelope itself.
        soap: the namespace of its version of SOAP.
        header: its header; ``None`` if it has none.
        body: its body.
    """

    root: etree._Element
    soap: str
    header: etree._Element | None
    body: etree._Element

    @classmethod
    def parse(cls, data: bytes) -> Envelope:
        """Parse an envelope and take it apart.

        Raises:
            InputError: it is no envelope of SOAP 1.1 or 1.2.
        """
        return cls.of(parse(data))

    @classmethod
    def of(cls, root: etree._Element) -> Envelope:
        """Take an envelope apart: a header, if any, and a body, and nothing else.

        Raises:
            InputError: it is no envelope of SOAP 1.1 or 1.2.
        """
        soap = next((soap for soap in (SOAP_12, SOAP_11) if root.tag == f"{{{soap}}}Envelope"), None)
        *headers, body = list(root) or [root]
        if (
            soap is None
            or body.tag != f"{{{soap}}}Body"
            or [one.tag for one in headers] not in ([], [f"{{{soap}}}Header"])
        ):
            raise InputError("this is no SOAP envelope", "give the whole answer as it was received")
        return cls(root, soap, headers[0] if headers else None, body)

    def raise_for_fault(self) -> None:
        """Raise if the body holds a fault.

        Raises:
            SoapFaultError: it does.
        """
        fault = self.body.find(f"{{{self.soap}}}Fault")
        if fault is not None:
            _raise_fault(fault, self.soap)


def make_envelope(message: etree._Element, headers: Iterable[etree._Element] = (), soap: str = SOAP_12) -> Envelope:
    """Put a message and header elements into a new envelope; they are moved there."""
    root = etree.Element(f"{{{soap}}}Envelope", nsmap={"soap": soap, "wsu": WSU, "wsse": WSSE})
    header, body = (etree.SubElement(root, f"{{{soap}}}{name}") for name in ("Header", "Body"))
    header.extend(headers)
    body.append(message)
    return Envelope(root, soap, header, body)


def make_fault(code: str, text: str, soap: str = SOAP_12, security: str | None = None) -> bytes:
    """Make a fault as the service did: neither signed nor encrypted.

    Args:
        code: a code of this version of SOAP, such as Sender or, in 1.1, Client.
        text: why.
        soap: the version of SOAP.
        security: the code of WS-Security, if that is what is wrong, such as InvalidSecurity.
    """
    fault = etree.Element(f"{{{soap}}}Fault", nsmap={"soap": soap, "wsse": WSSE})
    if soap == SOAP_12:
        codes = etree.SubElement(fault, f"{{{soap}}}Code")
        etree.SubElement(codes, f"{{{soap}}}Value").text = f"soap:{code}"
        if security is not None:
            inner = etree.SubElement(codes, f"{{{soap}}}Subcode")
            etree.SubElement(inner, f"{{{soap}}}Value").text = f"wsse:{security}"
        reason = etree.SubElement(etree.SubElement(fault, f"{{{soap}}}Reason"), f"{{{soap}}}Text")
        reason.set("{http://www.w3.org/XML/1998/namespace}lang", "en")
    else:
        etree.SubElement(fault, "faultcode").text = f"soap:{code}" if security is None else f"wsse:{security}"
        reason = etree.SubElement(fault, "faultstring")
    reason.text = text
    return etree.tostring(make_envelope(fault, soap=soap).root)


def _raise_fault(fault: etree._Element, soap: str) -> NoReturn:
    paths = [f"{{{soap}}}Code/{{{soap}}}Subcode/{{{soap}}}Value", f"{{{soap}}}Code/{{{soap}}}Value", "faultcode"]
    codes = [(fault.findtext(path) or "").strip().rpartition(":")[2] for path in paths]
    raise SoapFaultError(next((code for code in codes if code in FAULT_CODES), None))
