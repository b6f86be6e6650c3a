"""A backfill on the machines of a Dask cluster; nothing else knows of Dask."""
