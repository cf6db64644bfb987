"""The policy as SQL: which rows a person's SELECTs find, said once for the ORM and once for PostgreSQL's row security."""
