"""A client of a running server: it reads pictures as a Recogniser does, over HTTP."""
