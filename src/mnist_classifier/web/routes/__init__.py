"""The routes of the web application: one module for each group of URLs."""
