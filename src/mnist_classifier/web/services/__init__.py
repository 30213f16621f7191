"""Objects that all routes share: the loaded model, request counts, event streams, the test set."""
