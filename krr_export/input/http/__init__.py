"""HTTP: requests to services, tokens of Maskinporten, and the pages of the change feed, kept as files."""
