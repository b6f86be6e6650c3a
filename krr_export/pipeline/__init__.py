"""One pass over an export: block by block through reader, rules, profile and derived columns."""
