"""An ASGI request as the environment that WSGI wants.

Source: PEP 3333; the ASGI specification 3.0.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def environment(scope: Mapping[str, Any]) -> WSGIEnvironment:
    """The WSGI environment of a request, without `wsgi.input`."""
    client, client_port = scope["client"] or ("", 0)
    server, server_port = scope["server"] or ("", 0)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": _as_latin(scope["path"]),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server,
        "SERVER_PORT": str(server_port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": client,
        "REMOTE_PORT": str(client_port),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        _add_header(environ, name.decode("latin-1"), value.decode("latin-1"))
    return environ


def _add_header(environ: WSGIEnvironment, name: str, value: str) -> None:
    # A name with `_` would get the same key as one with `-`, which a proxy may have checked.
    if "_" in name or name == "transfer-encoding":
        return
    key = name.upper().replace("-", "_")
    if name in ("content-type", "content-length"):
        environ[key] = value
        return
    key = f"HTTP_{key}"
    separator = "; " if name == "cookie" else ","
    environ[key] = f"{environ[key]}{separator}{value}" if key in environ else value


def _as_latin(text: str) -> str:
    """Text as WSGI wants it: each byte of its UTF-8 is one character."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("latin-1")
