"""Guards around every request: limits, access, headers, compression, the log."""
