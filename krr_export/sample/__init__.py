"""Synthetic exports: valid or faulty, any size, the same bytes for the same options. No real person is in them."""

from krr_export.sample.tree import Prefix
from krr_export.sample.writer import EXPORTED, SampleOptions, SampleSummary, open_sample_file, write_sample

__all__ = ["EXPORTED", "Prefix", "SampleOptions", "SampleSummary", "open_sample_file", "write_sample"]
