"""Scripts that made constants of the package; none is a measurement."""
