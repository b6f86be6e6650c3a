"""Readers turn a block of whole records into lexical columns and rejects."""
