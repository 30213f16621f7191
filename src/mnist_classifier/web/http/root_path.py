"""Serves the application under a path, such as https://example.org/digits/.

In WSGI, SCRIPT_NAME is the path of the application and PATH_INFO the rest.
Flask builds every address of the application from them (PEP 3333).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class RootPath:
    """WSGI middleware that serves an application under `root_path`, whether or not a proxy strips it from the path."""

    def __init__(self, application: WSGIApplication, root_path: str) -> None:
        self._application = application
        self._root_path = root_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Set SCRIPT_NAME and PATH_INFO."""
        environ["PATH_INFO"] = below(self._root_path, environ["PATH_INFO"])
        environ["SCRIPT_NAME"] = self._root_path
        return self._application(environ, start_response)


def below(root_path: str, path: str) -> str:
    """The path without `root_path` in front."""
    return path[len(root_path) :] if path == root_path or path.startswith(f"{root_path}/") else path
