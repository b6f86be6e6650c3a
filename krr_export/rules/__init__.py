"""The register's own rules beyond the XSD: what they say, and how whole columns are judged by them."""
