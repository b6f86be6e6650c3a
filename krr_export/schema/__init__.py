"""Read an XSD into a record schema, and describe that as DDL, JSON and in other formats."""
