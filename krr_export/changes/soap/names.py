"""Namespaces, qualified names and algorithms of SOAP, WS-Security and the closed service."""

from __future__ import annotations

from typing import Literal

SOAP_11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP_12 = "http://www.w3.org/2003/05/soap-envelope"

_OASIS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
WSSE = f"{_OASIS}wssecurity-secext-1.0.xsd"
WSU = f"{_OASIS}wssecurity-utility-1.0.xsd"
WSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
XENC11 = "http://www.w3.org/2009/xmlenc11#"

EXCLUSIVE_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#"
RSA_SHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
RSA_SHA1 = f"{DS}rsa-sha1"
SHA256 = f"{XENC}sha256"
SHA1 = f"{DS}sha1"
RSA_OAEP = f"{XENC}rsa-oaep-mgf1p"
Cipher = Literal["aes256-cbc", "aes256-gcm"]
CIPHERS: dict[str, Cipher] = {f"{XENC}aes256-cbc": "aes256-cbc", f"{XENC11}aes256-gcm": "aes256-gcm"}
"""The two ciphers of an answer's body, by their names in XML Encryption."""
CONTENT = f"{XENC}Content"

X509_TOKEN = f"{_OASIS}x509-token-profile-1.0#X509v3"
BASE64 = f"{_OASIS}soap-message-security-1.0#Base64Binary"

ID = f"{{{WSU}}}Id"
SECURITY = f"{{{WSSE}}}Security"
TOKEN = f"{{{WSSE}}}BinarySecurityToken"
TIMESTAMP = f"{{{WSU}}}Timestamp"
SIGNATURE = f"{{{DS}}}Signature"
CONFIRMATION = f"{{{WSSE11}}}SignatureConfirmation"
ENCRYPTED_KEY = f"{{{XENC}}}EncryptedKey"
ENCRYPTED_DATA = f"{{{XENC}}}EncryptedData"

SERVICE_14_05 = "http://kontaktinfo.difi.no/xsd/oppslagstjeneste/14-05"
SERVICE_16_02 = "http://kontaktinfo.difi.no/xsd/oppslagstjeneste/16-02"
PROVIDERS_V1 = "http://kontaktinfo.difi.no/xsd/postkasseleverandoer/v1"
ON_BEHALF_OF = f"{{{SERVICE_16_02}}}Oppslagstjenesten"
"""The header element that says for whom a request is made. Only 16-02 has it; some documentation names the WSDL's
namespace for it, against XSD, WSDL and both of the publisher's clients."""
