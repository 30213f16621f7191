"""A picture becomes a reading."""
