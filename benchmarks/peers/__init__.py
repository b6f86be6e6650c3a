"""The other ways to read an export, each a script as its users would write it: ``SOURCE XSD TARGET``."""
