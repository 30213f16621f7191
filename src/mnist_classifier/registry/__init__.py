"""The model registry: model versions on disk, and the aliases that name them (`production`, `challenger`)."""
