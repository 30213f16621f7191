"""Processes, connections and threads that serve the application."""
