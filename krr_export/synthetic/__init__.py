"""Synthetic exports: valid or faulty, any size, the same bytes for the same options, no real persons."""

from krr_export.synthetic.fault_injection import ExpectedFinding
from krr_export.synthetic.files import expected_path, open_sample_file, write_sample_file
from krr_export.synthetic.options import EXPORTED, SampleOptions
from krr_export.synthetic.register.next_night import NightOptions, NightSummary, write_next_night
from krr_export.synthetic.register.pages import PageForm, PageOptions
from krr_export.synthetic.tree import Prefix
from krr_export.synthetic.writer import SampleSummary, Total, write_sample

__all__ = [
    "EXPORTED",
    "ExpectedFinding",
    "NightOptions",
    "NightSummary",
    "PageForm",
    "PageOptions",
    "Prefix",
    "SampleOptions",
    "SampleSummary",
    "Total",
    "expected_path",
    "open_sample_file",
    "write_next_night",
    "write_sample",
    "write_sample_file",
]
