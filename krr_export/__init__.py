"""Norway's contact and reservation register export, streamed into validated Parquet or CSV."""

__version__ = "0.1.0"
