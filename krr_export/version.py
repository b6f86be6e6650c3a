"""The version, which starts nothing else."""

__version__ = "0.1.0"
