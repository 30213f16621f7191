"""The web application: pages, HTTP API and server processes.

`app.py` creates the Flask application; `server/` runs it.
"""
