"""The profile of an export: counts of what its records contain, added up batch by batch."""

from krr_export.profiling.profile import Profile
from krr_export.profiling.profiler import Profiler

__all__ = ["Profile", "Profiler"]
