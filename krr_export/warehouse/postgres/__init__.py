"""Loading into PostgreSQL: a partition for each snapshot, put in place by one transaction."""
