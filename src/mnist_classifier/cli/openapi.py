"""`mnist openapi`: print the OpenAPI document, for example to generate a client."""

from __future__ import annotations

import json

import click

from mnist_classifier.cli.command import Command
from mnist_classifier.core.settings import Settings


@click.command(cls=Command)
def openapi() -> None:
    """Print the OpenAPI document of the HTTP API.

    A running server has it at /openapi.json.
    """
    from flask import Flask

    from mnist_classifier.web.app import add_routes
    from mnist_classifier.web.openapi.routes import document_of

    app = Flask("mnist_classifier.web")
    add_routes(app)
    click.echo(json.dumps(document_of(app, Settings.from_environment().root_path), indent=1))
