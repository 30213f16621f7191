"""`mnist serve`, which is also `python app.py`; it loads no more than it needs, since it stays in memory."""

from __future__ import annotations

from typing import Any

import click

from mnist_classifier.cli.command import Command, data_dir_option
from mnist_classifier.core.settings import LOG_FORMATS, LOG_LEVELS, Settings
from mnist_classifier.web.server.server import serve as serve_application

DEFAULT_PORT = Settings.__dataclass_fields__["port"].default


@click.command(cls=Command)
@click.option("--host", help="Address to listen on.  [env: MNIST_HOST; default 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on.  [env: MNIST_PORT; default 5000]")
@click.option("--token", help="Token that requests need to change anything.  [env: MNIST_TOKEN]")
@click.option("--insecure", is_flag=True, help="Let other computers connect without a token.  [env: MNIST_INSECURE=1]")
@click.option("--workers", type=int, help="Server processes.  [env: MNIST_WORKERS; default 1]")
@data_dir_option
@click.option(
    "--log-format", type=click.Choice(LOG_FORMATS), help="Log format.  [env: MNIST_LOG_FORMAT; default console]"
)
@click.option(
    "--log-level", type=click.Choice(LOG_LEVELS), help="Lowest level to log.  [env: MNIST_LOG_LEVEL; default info]"
)
@click.option("--access-log", is_flag=True, default=None, help="Log every request.  [env: MNIST_ACCESS_LOG=on]")
def serve(access_log: bool | None, insecure: bool, **options: Any) -> None:
    """Start the web application."""
    flags: dict[str, Any] = {"access_log": "on" if access_log else None, "insecure": 1 if insecure else None}
    settings = Settings.from_environment(**flags, **options)
    # Who names a port wants that one; who does not is well served by the next.
    serve_application(settings, strict_port=settings.port != DEFAULT_PORT)
