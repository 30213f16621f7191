"""What every room stands on: errors, records, settings, the database and logs."""
