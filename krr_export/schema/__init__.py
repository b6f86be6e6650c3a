"""From an XSD to what a record holds, and that as DDL, JSON and other descriptions."""
