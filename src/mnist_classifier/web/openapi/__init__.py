"""The OpenAPI document, made from the routes.

`@describe` (wire/operation.py) names the types of a route's request and reply.
document.py collects them from a Flask application, schemas.py turns them into
JSON Schema, reference.py makes the page /docs, and routes.py serves both.  This
runs only for `/openapi.json`, `/docs` and `mnist openapi`.
"""
