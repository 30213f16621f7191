"""The base of all packages: errors, records, settings, the database and logs."""
