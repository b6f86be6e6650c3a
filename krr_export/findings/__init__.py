"""Findings: their codes and texts, and the masking of values."""
