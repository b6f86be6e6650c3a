"""The catalog of an Iceberg table, as pyiceberg is configured for it; and its failures, in words of ours.

The library is loaded with this module, so import it only where a table is used.
"""

from __future__ import annotations

import logging
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pydantic import ValidationError
from pyiceberg.exceptions import (
    AuthorizationExpiredError,
    CommitFailedException,
    ForbiddenError,
    NotInstalledError,
    OAuthError,
    UnauthorizedError,
)
from pyiceberg.utils.config import Config

from krr_export.errors import KrrExportError, NetworkError, OutputError, UsageError
from krr_export.warehouse.iceberg.trust import load_trusted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.catalog import Catalog

_LOOK = "see docs/guides/iceberg.md for what the configuration and the environment must have"
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_DEFAULT_REGION = "us-east-1"
"""As where the files are pushed; without one, the library would ask Amazon for the bucket's."""
_DENIED = (UnauthorizedError, ForbiddenError, OAuthError, AuthorizationExpiredError)


def open_catalog(name: str) -> Catalog:
    """Open a catalog.

    Args:
        name: as in ``~/.pyiceberg.yaml``, or in a variable ``PYICEBERG_CATALOG__NAME__…``.

    Raises:
        NetworkError: it cannot be reached, does not let us in, or is no catalog.
        UsageError: there is none of that name, or its configuration is wrong, or a package is missing.
    """
    with failures(f"the catalog {name}"):
        try:
            found = Config().get_catalog_config(name)
        except Exception:  # whatever is wrong with a file of YAML; it may hold passwords
            raise UsageError("pyiceberg's configuration cannot be read", "correct ~/.pyiceberg.yaml") from None
        if found is None:
            raise UsageError(
                f"pyiceberg's configuration has no catalog {name}",
                "name it in ~/.pyiceberg.yaml, or in variables PYICEBERG_CATALOG__NAME__URI and the like",
            )
        try:
            return load_trusted(name, {**_file_properties(), **found})
        except ValidationError:  # of an answer
            raise NetworkError(f"the catalog {name} does not answer as a catalog does", _LOOK) from None
        except ValueError:
            raise UsageError(
                f"pyiceberg's configuration of the catalog {name} is incomplete or wrong", "give its uri and its type"
            ) from None


def warehouse(name: str) -> str:
    """Return where a catalog is configured to lay tables, whatever its server says; empty if it is not."""
    found = (Config().get_catalog_config(name) or {}).get("warehouse")
    return found if isinstance(found, str) else ""


@contextmanager
def failures(shown: str) -> Iterator[None]:
    """Have the library's errors be ours, and its log and warnings be silent: they repeat what servers answer.

    A commit that failed for certain, `CommitFailedException`, passes.

    Args:
        shown: what is worked on, for messages.
    """
    try:
        with _silence():
            yield
    except (KrrExportError, CommitFailedException, MemoryError):
        raise
    except (ImportError, NotInstalledError):
        raise UsageError(
            f"a package that {shown} needs is missing", "pip install 'pyiceberg[…]' with the extra of its kind"
        ) from None
    except _DENIED:
        raise NetworkError(f"{shown} does not let us in", _LOOK) from None
    except (ValueError, TypeError, NotImplementedError):
        raise OutputError(
            f"{shown} cannot be read or written",
            "is a value in pyiceberg's configuration wrong, or did another program change it, to a newer format?",
        ) from None
    except Exception:  # errors of drivers and servers have no common root
        raise NetworkError(f"{shown} cannot be reached, or does not answer as it should", _LOOK) from None


@contextmanager
def _silence() -> Iterator[None]:
    logger = logging.getLogger("pyiceberg")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _file_properties() -> dict[str, str]:
    """Return what tells the library where files lie, as far as it does not read that itself as obstore does."""
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), None)
    region = next((os.environ[name] for name in _REGIONS if os.environ.get(name)), _DEFAULT_REGION)
    return {"s3.region": region} | ({"s3.endpoint": endpoint} if endpoint else {})
