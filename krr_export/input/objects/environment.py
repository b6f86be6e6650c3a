"""What the environment says of an object store: who asks, and whom."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from krr_export.errors import UsageError

if TYPE_CHECKING:
    from krr_export.input.objects.address import Address

_CREDENTIALS = {
    "s3": ("AWS_ACCESS_KEY", "AWS_WEB_IDENTITY", "AWS_CONTAINER_", "AWS_ENDPOINT", "AWS_SKIP_SIGNATURE"),
    "gs": ("GOOGLE_",),
    **dict.fromkeys(("az", "abfs", "abfss"), ("AZURE_", "IDENTITY_", "MSI_")),
}
"""How the names of variables begin that say who asks, or whom."""
_S3_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_AZURE_ENDPOINTS = ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT")
_ENDPOINT = re.compile(r"https?://([^/?#\s@]*@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>[0-9]{1,5}))?(/[!-~]*)?")
_VARIABLES = ("AWS_", "AZURE_")  # one of Google's may be JSON, in lines
_MAX_PORT = 65535


def check_environment(address: Address) -> None:
    """Say what is wrong there: else it would be said of each request that it failed.

    Raises:
        UsageError: no request can be made with a variable, an endpoint is none, or it is without TLS and not allowed.
    """
    _check_variables()
    _check_endpoint(address)


def has_credentials(address: Address) -> bool:
    """Return whether the environment has any; else the machine itself may have a role."""
    prefixes = _CREDENTIALS[address.uri.partition("://")[0]]
    return any(name.startswith(prefixes) for name in os.environ)


def _check_variables() -> None:
    """Name the variable that no request can be made with, such as a key that was read with its line end."""
    for name, value in os.environ.items():
        if name.startswith(_VARIABLES) and not value.isprintable():
            raise UsageError(f"the variable {name} has a line end or a control character in it", "give it without")


def _is_endpoint(text: str) -> bool:
    found = _ENDPOINT.fullmatch(text)
    return found is not None and int(found["port"] or 0) <= _MAX_PORT


def _check_endpoint(address: Address) -> None:
    """Name what is missing for an endpoint without TLS."""
    is_azure = address.uri.startswith("a")
    names = _AZURE_ENDPOINTS if is_azure else _S3_ENDPOINTS
    endpoints = [os.environ[name] for name in names if os.environ.get(name)]
    if not all(map(_is_endpoint, endpoints)):
        raise UsageError("the endpoint of the object store is no address", "give https://HOST:PORT in the environment")
    is_plain = any(endpoint.startswith("http://") for endpoint in endpoints)
    allows = "AZURE_ALLOW_HTTP" if is_azure else "AWS_ALLOW_HTTP"
    allowed = os.environ.get(allows, "").lower() in {"true", "1", "yes", "on"}
    if not address.uri.startswith("gs:") and is_plain and not allowed:
        raise UsageError(
            "the endpoint of the object store is http, without encryption",
            f"give one of https; or, on this machine, set {allows}=true",
        )
