"""Objects that the routes share."""
