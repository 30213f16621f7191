"""Modules that every other package uses: errors, records, settings, the database, files and logs."""
