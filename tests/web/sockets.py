"""Raw connections to a server: bytes that no HTTP client would send, and the replies."""

from __future__ import annotations

import http.client
import socket
from contextlib import closing


def connect(address: tuple[str, int]) -> socket.socket:
    """A connection that waits 20 s at most."""
    return socket.create_connection(address, timeout=20)


def raw(head: str) -> bytes:
    """A head, given as lines, with a Host."""
    return "\r\n".join([*head.splitlines(), "Host: echo", "", ""]).encode("latin-1")


def reply_of(client: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next reply."""
    with closing(http.client.HTTPResponse(client)) as reply:
        reply.begin()
        return reply.status, reply.read()


def answered(address: tuple[str, int], head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and body of the reply to a request on a connection of its own."""
    with connect(address) as client:
        client.sendall(raw(head) + body)
        return reply_of(client)


def closes(client: socket.socket) -> bytes:
    """What comes until the server closes."""
    heard = b""
    while piece := client.recv(10_000):
        heard += piece
    return heard
