"""The OpenAPI document, made from the routes.

`@describe` (wire/operation.py) names the types of a route's request and reply.
document.py collects them from a Flask application, and schemas.py turns them
into JSON Schema.  This runs only for `/openapi.json`, `/docs` and `mnist openapi`.
"""
