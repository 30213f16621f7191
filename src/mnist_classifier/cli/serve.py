"""`mnist serve`, also run by `python app.py`.

This process stays in memory, so the module imports no more than it needs.
"""

from __future__ import annotations

from typing import Any

import click

from mnist_classifier.cli.command import Command, data_dir_option, setting_options
from mnist_classifier.core.settings import Settings
from mnist_classifier.web.server.server import serve as serve_application

DEFAULT_PORT = Settings.__dataclass_fields__["port"].default


@click.command(cls=Command)
@setting_options(
    Settings, "host", "port", "workers", "log_format", "log_level", note="env: MNIST_{name}; default: {default}"
)
@click.option("--token", help="Token that requests need to change anything.  [env: MNIST_TOKEN]")
@click.option("--insecure", is_flag=True, help="Let other computers connect without a token.  [env: MNIST_INSECURE=1]")
@data_dir_option
@click.option("--access-log", is_flag=True, default=None, help="Log every request.  [env: MNIST_ACCESS_LOG=on]")
def serve(access_log: bool | None, insecure: bool, **options: Any) -> None:
    """Start the web application."""
    flags: dict[str, Any] = {"access_log": "on" if access_log else None, "insecure": 1 if insecure else None}
    settings = Settings.from_environment(**flags, **options)
    # A user who names a port wants exactly that one.
    serve_application(settings, strict_port=settings.port != DEFAULT_PORT)
