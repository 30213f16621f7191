"""The application below a path of a name, such as https://example.org/digits/.

WSGI has two words for it: SCRIPT_NAME is the path of the application, PATH_INFO
the rest.  Flask makes every address of its own from them (PEP 3333).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class RootPath:
    """A WSGI application below `root_path`; the proxy may send the whole path, or what follows `root_path`."""

    def __init__(self, application: WSGIApplication, root_path: str) -> None:
        self._application = application
        self._root_path = root_path

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Tell the application where it is."""
        environ["PATH_INFO"] = below(self._root_path, environ["PATH_INFO"])
        environ["SCRIPT_NAME"] = self._root_path
        return self._application(environ, start_response)


def below(root_path: str, path: str) -> str:
    """The part of a path that follows `root_path`, or all of it where it does not begin so."""
    return path[len(root_path) :] if path == root_path or path.startswith(f"{root_path}/") else path
