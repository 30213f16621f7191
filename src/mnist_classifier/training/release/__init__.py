"""A finished training becomes the files of a model version."""
