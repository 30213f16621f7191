"""The recogniser as a static site that needs no server."""
