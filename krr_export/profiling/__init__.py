"""The profile of an export: what its records hold, in counts that can be added up batch by batch."""

from krr_export.profiling.profile import Profile
from krr_export.profiling.profiler import Profiler

__all__ = ["Profile", "Profiler"]
