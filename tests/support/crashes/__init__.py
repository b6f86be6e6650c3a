"""Runs that are stopped at any system call, and what of their files outlives it."""
