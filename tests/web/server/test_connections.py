"""What one connection may send, and for how long it may wait."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from mnist_classifier.web.server.connections import LARGEST_HEAD_BYTES, MOST_HEADERS
from tests.web.server.echo import CONNECTIONS, MAX_BODY_BYTES, TIMEOUT_S
from tests.web.sockets import answered, closes, connect, raw, reply_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="stops servers with POSIX signals")]

# What Java's HttpClient and `curl --http2` send unless they are told otherwise.
H2C = "Connection: Upgrade, HTTP2-Settings\nUpgrade: h2c\nHTTP2-Settings: AAMAAABkAAQBAAAAAAIAAAAA"
CHUNKED = raw("POST / HTTP/1.1\nTransfer-Encoding: chunked")


def head_of(size: int) -> bytes:
    """A head of so many bytes."""
    short = raw("GET / HTTP/1.1\nX-Long: ")
    return raw("GET / HTTP/1.1\nX-Long: " + "a" * (size - len(short)))


def error_code(reply: tuple[int, bytes]) -> tuple[int, str]:
    return reply[0], json.loads(reply[1])["error"]["code"]


def send_all(client: socket.socket, data: bytes) -> None:
    with contextlib.suppress(OSError):  # the server may have closed
        client.sendall(data)


@pytest.mark.parametrize("pieces", [1, 7])
def test_a_head_may_have_64_kb_and_not_a_byte_more(address: tuple[str, int], pieces: int):
    for size, expected in ((LARGEST_HEAD_BYTES, 200), (LARGEST_HEAD_BYTES + 1, 431), (100_000, 431)):
        head = head_of(size)
        assert len(head) == size
        with connect(address) as client:
            for start in range(0, size, size // pieces + 1):
                send_all(client, head[start : start + size // pieces + 1])
            assert reply_of(client)[0] == expected


@pytest.mark.parametrize(("count", "expected"), [(MOST_HEADERS - 1, 200), (MOST_HEADERS, 431)])
def test_a_head_may_have_a_hundred_headers(address: tuple[str, int], count: int, expected: int):
    assert answered(address, "GET / HTTP/1.1" + "\nX-A: b" * count)[0] == expected


@pytest.mark.parametrize(
    "nonsense",
    [
        "POST / HTTP/1.1\nContent-Length: 5\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\nContent-Length: 5\nContent-Length: 6",
        "GET / HTTP/1.1\nX-A: b\n folded",
        "CONNECT echo:80 HTTP/1.1",
        "PRI * HTTP/2.0",
    ],
)
def test_an_ambiguous_head_is_refused(address: tuple[str, int], nonsense: str):
    assert error_code(answered(address, nonsense)) == (400, "invalid_request")


def test_a_browser_whose_head_is_refused_gets_a_page(address: tuple[str, int]):
    status, text = answered(address, "GET /training HTTP/1.1\nAccept: text/html,*/*;q=0.8\nX-A: b\n folded")
    assert status == 400
    assert text.startswith(b"<!doctype html>")
    assert b"<p>This is not a valid HTTP request.</p>" in text


@pytest.mark.parametrize(
    "attack",
    [b"0\r\nX: " + b"a" * 10**6, b"0\r\n" + b"X: a\r\n" * 10**5, b"1;" + b"e" * 10**6, b"1\r\na\r\n" * 10**5],
    ids=["one long trailer", "many trailers", "a long extension", "tiny chunks"],
)
def test_what_surrounds_chunks_has_a_limit(address: tuple[str, int], attack: bytes):
    with connect(address) as client:
        send_all(client, CHUNKED + attack)
        assert error_code(reply_of(client)) == (413, "request_too_large")


def test_chunks_of_a_hundred_bytes_are_a_body_like_any_other(address: tuple[str, int]):
    body = os.urandom(MAX_BODY_BYTES // 100 * 100)
    chunks = b"".join(b"64\r\n" + body[start : start + 100] + b"\r\n" for start in range(0, len(body), 100))
    with connect(address) as client:
        client.sendall(CHUNKED + chunks + b"0\r\nX-Trailer: yes\r\n\r\n")
        status, text = reply_of(client)
    assert (status, json.loads(text)["body"].encode("latin-1")) == (200, body)
    assert "HTTP_X_TRAILER" not in json.loads(text)


def test_a_body_of_empty_lines_is_a_body_like_any_other(address: tuple[str, int]):
    body = b"\r\n" * 40_000
    with connect(address) as client:
        client.sendall(CHUNKED + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n")
        assert json.loads(reply_of(client)[1])["body"].encode() == body


def test_a_refused_client_that_goes_on_sending_hears_why(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(b"GET / HTTP/1.1\r\nX-Long: ")
        for _ in range(100):
            client.sendall(b"a" * 65_536)
        assert error_code(reply_of(client)) == (431, "head_too_large")


def test_a_reply_to_a_body_that_is_not_read_ends_the_connection(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw(f"POST / HTTP/1.1\nExpect: 100-continue\nContent-Length: {MAX_BODY_BYTES + 1}"))
        heard = closes(client)
    assert heard.startswith(b"HTTP/1.1 200 ")  # the application would say 413
    assert b"\r\nconnection: close\r\n" in heard


def test_a_client_that_waits_for_100_is_told_to_go_on(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw("POST / HTTP/1.1\nExpect: 100-continue\nContent-Length: 5"))
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"other")
        assert json.loads(reply_of(client)[1])["body"] == "other"


@pytest.mark.parametrize("body", [b"quick", b"other", b""])
@pytest.mark.parametrize("offer", [H2C, "Upgrade: websocket\nConnection: keep-alive, Upgrade\nSec-WebSocket-Key: x"])
def test_an_offer_of_another_protocol_is_ignored_and_the_body_kept(address: tuple[str, int], offer: str, body: bytes):
    head = f"POST /a?b=c HTTP/1.1\n{offer}\nX-Empty:\nContent-Type: text/x\nContent-Length: {len(body)}"
    with connect(address) as client:
        for request in (raw(head) + body, raw("GET /next HTTP/1.1"), raw(head) + body):
            client.sendall(request)
            status, text = reply_of(client)
            assert status == 200
    heard = json.loads(text)
    assert (heard["body"], heard["PATH_INFO"], heard["QUERY_STRING"]) == (body.decode(), "/a", "b=c")
    assert (heard["CONTENT_TYPE"], heard["HTTP_X_EMPTY"]) == ("text/x", "")
    assert "HTTP_UPGRADE" not in heard


def test_an_offer_of_another_protocol_may_come_with_chunks_and_in_pieces(address: tuple[str, int]):
    request = raw(f"POST / HTTP/1.1\n{H2C}\nTransfer-Encoding: chunked") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with connect(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(request), 3):
            client.sendall(request[start : start + 3])
        assert json.loads(reply_of(client)[1])["body"] == "abcde"


def test_a_connection_that_was_to_be_closed_after_an_offer_is_closed(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw("GET / HTTP/1.1\nConnection: Upgrade, close\nUpgrade: h2c"))
        assert closes(client).startswith(b"HTTP/1.1 200 ")


def test_curl_gets_its_answer_when_it_offers_http_2(address: tuple[str, int], tmp_path: Path):
    curl = shutil.which("curl")
    if curl is None or "HTTP2" not in subprocess.run([curl, "--version"], capture_output=True, text=True).stdout:
        pytest.skip("needs curl with HTTP/2")
    (tmp_path / "glyph").write_bytes(bytes(784))
    command = [curl, "--silent", "--http2", "--data-binary", f"@{tmp_path / 'glyph'}", "http://{}:{}/".format(*address)]
    heard = json.loads(subprocess.run(command, capture_output=True, timeout=20, check=True).stdout)
    assert heard["body"] == "\0" * 784


@pytest.mark.parametrize("chunks", [False, True])
def test_requests_that_are_sent_ahead_are_answered_one_after_another(address: tuple[str, int], chunks: bool):
    if chunks:
        requests = [raw(f"POST /{i} HTTP/1.1\nTransfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n\r\n" for i in range(500)]
    else:
        requests = [raw(f"POST /{i} HTTP/1.1\nContent-Length: 4") + b"\r\n\r\n" for i in range(500)]
    with connect(address) as client:
        client.sendall(b"".join(requests))
        for number in range(500):
            assert json.loads(reply_of_next(client))["PATH_INFO"] == f"/{number}"


def reply_of_next(client: socket.socket) -> bytes:
    """The body of the next reply, without a byte of the one behind it."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += client.recv(1)
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    body = b""
    # A socket with a timeout returns what has arrived, even with MSG_WAITALL.
    while len(body) < length and (piece := client.recv(length - len(body))):
        body += piece
    return body


@pytest.mark.parametrize("path", ["/large", "/flood"])
def test_a_reply_that_nobody_reads_is_given_up(address: tuple[str, int], path: str):
    with connect(address) as client:
        client.sendall(raw(f"GET {path} HTTP/1.1"))
        client.recv(10)
        time.sleep(2.5 * TIMEOUT_S)  # two checks pass
        received = 0
        with contextlib.suppress(ConnectionError):
            while piece := client.recv(1_000_000):
                received += len(piece)
        assert received < 30_000_000
    if path == "/flood":
        assert json.loads(answered(address, "GET / HTTP/1.1")[1])["closed"] is True


def test_a_reply_that_is_read_slowly_comes_whole(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw("GET /large HTTP/1.1\nConnection: close"))
        received, started = 0, time.monotonic()
        while piece := client.recv(1_000_000):
            received += len(piece)
            time.sleep(max(0, started + received / 30_000_000 * 3 * TIMEOUT_S - time.monotonic()))
    assert received > 30_000_000
    assert time.monotonic() - started > 2 * TIMEOUT_S


def test_one_connection_too_many_is_told_to_come_again(address: tuple[str, int]):
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(connect(address))
        status, text = answered(address, "GET / HTTP/1.1")
        assert error_code((status, text)) == (503, "server_busy")
    deadline = time.monotonic() + 60
    while answered(address, "GET / HTTP/1.1")[0] != 200:
        assert time.monotonic() < deadline


def test_a_client_that_was_answered_before_its_body_ended_is_not_listened_to_any_more(address: tuple[str, int]):
    with connect(address) as client:
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        client.sendall(CHUNKED + chunk * (MAX_BODY_BYTES // 0x10000 + 1))
        assert reply_of(client)[0] == 200  # the application would say 413
        send_all(client, b"0\r\n\r\n" + raw("GET / HTTP/1.1"))
        assert closes(client) == b""
