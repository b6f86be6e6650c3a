"""Findings: their codes, what is said of them, and how values are masked."""
