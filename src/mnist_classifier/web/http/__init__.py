"""WSGI middleware and headers for every request: rate limit, access, CORS, compression, access log."""
