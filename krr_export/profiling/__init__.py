"""The profile of an export: counts of what its records contain, added up batch by batch."""
