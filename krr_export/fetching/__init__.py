"""Fetching deliveries over SFTP into a local directory: whole sets only, each once, however often the line is cut."""

from krr_export.fetching.remote import Login
from krr_export.fetching.transfer import Fetched, fetch

__all__ = ["Fetched", "Login", "fetch"]
