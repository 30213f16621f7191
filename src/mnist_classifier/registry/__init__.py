"""Model versions on disk, and the aliases that name them."""
