"""Parsing: from bytes of XML to typed Arrow."""
