"""The same readings from a server."""
