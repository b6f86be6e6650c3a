"""Loading into databases and table formats, and views in them."""
