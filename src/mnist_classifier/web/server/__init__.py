"""The server: processes, connections and threads that run the WSGI application."""
