"""Corrections of a running application."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

from application import PATIENCE_S, Application


def stored(application: Application, query: str = "", token: str = "") -> list[dict[str, Any]]:
    """The corrections of a server, oldest first."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address = f"{application.url}/api/corrections?{query}"
    with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=PATIENCE_S) as reply:
        found: list[dict[str, Any]] = json.load(reply)["corrections"]
    return found[::-1]


def forget(application: Application) -> None:
    """Delete all corrections of a server."""
    request = urllib.request.Request(f"{application.url}/api/corrections?confirm=1", method="DELETE")
    urllib.request.urlopen(request, timeout=PATIENCE_S).close()


def add(application: Application, glyphs: list[list[int]], labels: list[int | str], writer: str = "") -> None:
    """Store glyphs with their labels."""
    for glyph, label in zip(glyphs, labels, strict=True):
        application.post("/api/corrections", glyph=glyph, label=label, writer=writer, source="page")
