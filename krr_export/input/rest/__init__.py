"""Pages of the change feed from the register's REST service, each once, as files; with a token of Maskinporten."""
