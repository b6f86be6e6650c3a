"""Put snapshots where others query: databases, and views for DuckDB."""
