"""Utilities without domain knowledge: durable files, number formats, memory, signals, threads."""
