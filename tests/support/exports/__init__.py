"""Exports as XML text: tiny ones, odd ones, and mutants by the thousand."""
