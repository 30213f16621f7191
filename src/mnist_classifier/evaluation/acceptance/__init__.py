"""Check archives of model versions from elsewhere before they are taken in."""
