"""The register's own rules beyond the XSD: their catalogue, and their application to whole columns."""
