"""The web application: routes, pages, what they share, and the server that runs them."""
