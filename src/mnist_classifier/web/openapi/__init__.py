"""The OpenAPI document, made from the routes.

`@describe` (wire/operation.py) says of a route what it takes and gives; types are
those of wire/types.py, turned into JSON Schema by wire/schema.py; document.py reads
all of it from a Flask application.  Nothing of this runs while a request is
answered but `/openapi.json` itself.
"""
