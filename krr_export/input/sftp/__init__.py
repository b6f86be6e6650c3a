"""Fetching deliveries over SFTP into a local directory: whole sets only, each once, however often the line is cut."""

from krr_export.input.sftp.connection import Login
from krr_export.input.sftp.transfer import Fetched, fetch

__all__ = ["Fetched", "Login", "fetch"]
