"""Requests on their way from the connection to the application: slow, large, cut off, streamed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import socket
import time
from contextlib import ExitStack, closing
from typing import Any

import pytest

from tests.web.server.echo import MAX_BODY_BYTES, THREADS, TIMEOUT_S
from tests.web.sockets import answered, closes, connect, raw, reply_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name == "nt", reason="stops servers with POSIX signals")]


def said(address: tuple[str, int], head: str, body: bytes = b"") -> dict[str, Any]:
    """What the echo heard of a request."""
    status, text = answered(address, head, body)
    assert status == 200, text
    return json.loads(text)  # type: ignore[no-any-return]


def test_a_request_comes_as_pep_3333_has_it(address: tuple[str, int]):
    heard = said(
        address, "POST /caf%C3%A9/%2F?a=%20&b HTTP/1.1\nContent-Type: text/x\nContent-Length: 3\nX-One: 1", b"abc"
    )
    assert heard["PATH_INFO"].encode("latin-1").decode("utf-8") == "/café//"
    assert heard["QUERY_STRING"] == "a=%20&b"
    assert (heard["REQUEST_METHOD"], heard["SERVER_PROTOCOL"], heard["wsgi.url_scheme"]) == ("POST", "HTTP/1.1", "http")
    assert (heard["CONTENT_TYPE"], heard["CONTENT_LENGTH"], heard["body"]) == ("text/x", "3", "abc")
    assert (heard["REMOTE_ADDR"], heard["SERVER_PORT"]) == ("127.0.0.1", str(address[1]))
    assert (heard["HTTP_X_ONE"], heard["HTTP_HOST"]) == ("1", "echo")


def test_repeated_headers_are_joined_and_ambiguous_names_dropped(address: tuple[str, int]):
    heard = said(address, "GET / HTTP/1.1\nX-A: 1\nX-A: 2\nCookie: a=1\nCookie: b=2\nX_A: forged\nX-Name: é")
    assert heard["HTTP_X_A"] == "1,2"
    assert heard["HTTP_COOKIE"] == "a=1; b=2"
    assert "forged" not in heard.values()


def test_quick_requests_are_answered_in_the_loop_and_others_in_threads(address: tuple[str, int]):
    assert said(address, "POST / HTTP/1.1\nContent-Length: 5", b"quick")["thread"] == "MainThread"
    assert said(address, "POST / HTTP/1.1\nContent-Length: 5", b"other")["thread"].startswith("request")


def test_a_request_that_turns_out_to_take_long_goes_to_a_thread_with_its_whole_body(address: tuple[str, int]):
    heard = said(address, "POST /takes-long HTTP/1.1\nContent-Length: 5", b"quick")
    assert heard["thread"].startswith("request")
    assert (heard["body"], heard["tried"]) == ("quick", 1)


def test_a_quick_request_that_arrives_whole_needs_no_task(address: tuple[str, int]):
    assert not said(address, "POST / HTTP/1.1\nContent-Length: 5", b"quick")["tasks"]
    assert said(address, "POST / HTTP/1.1\nTransfer-Encoding: chunked", b"5\r\nquick\r\n0\r\n\r\n")["tasks"]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("path", ["/", "/breaks"])
def test_a_quick_request_gets_the_same_reply_with_and_without_a_task(address: tuple[str, int], version: str, path: str):
    head = raw(f"POST {path} HTTP/{version}\nContent-Length: 5\nConnection: close")
    replies = []
    for pieces in ([head + b"quick"], [head, b"quick"]):
        with connect(address) as client:
            for piece in pieces:
                client.sendall(piece)
                time.sleep(0.05)  # so that two pieces arrive one after the other
            replies.append(closes(client))
    alike = [re.sub(rb'"(REMOTE_PORT|tasks)": [^,}]+|date: [^\r]+', b"", reply) for reply in replies]
    assert alike[0] == alike[1]
    assert alike[0].startswith(b"HTTP/1.1 200" if path == "/" else b"HTTP/1.1 500")
    if path == "/":  # otherwise the two pieces came together
        assert [re.search(rb'"tasks": (\d)', reply)[1] for reply in replies] == [b"0", b"1"]  # type: ignore[index]


def test_a_client_that_does_not_read_is_answered_in_a_task_which_waits(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw("POST /large HTTP/1.1\nContent-Length: 5") + b"quick")
        assert client.recv(1) == b"H"  # the rest fills all buffers
        client.sendall(raw("POST / HTTP/1.1\nContent-Length: 5\nConnection: close") + b"quick")
        time.sleep(0.05)  # so that the server has it before it can send more
        replies = b"".join(iter(lambda: client.recv(1_000_000), b""))
    assert re.search(rb'"tasks": (\d)', replies[-2000:])[1] == b"1"  # type: ignore[index]


def test_a_body_in_pieces_has_its_length_in_the_end(address: tuple[str, int]):
    heard = said(address, "POST / HTTP/1.1\nTransfer-Encoding: chunked", b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
    assert (heard["body"], heard["CONTENT_LENGTH"]) == ("abcde", "5")
    assert "HTTP_TRANSFER_ENCODING" not in heard


def test_a_large_body_comes_whole(address: tuple[str, int]):
    body = os.urandom(MAX_BODY_BYTES)
    assert said(address, f"POST / HTTP/1.1\nContent-Length: {len(body)}", body)["body"].encode("latin-1") == body


def test_of_an_endless_body_no_more_than_the_limit_is_taken(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw("POST / HTTP/1.1\nTransfer-Encoding: chunked"))
        for _ in range(MAX_BODY_BYTES // 1000 + 2):
            client.sendall(b"3e8\r\n" + b"a" * 1000 + b"\r\n")
        status, text = reply_of(client)
    assert status == 200
    # The application sees that it is too much, and refuses it in its own words.
    assert int(json.loads(text)["CONTENT_LENGTH"]) > MAX_BODY_BYTES


def test_a_body_declared_too_large_is_left_where_it_is(address: tuple[str, int]):
    heard = said(address, f"POST / HTTP/1.1\nContent-Length: {MAX_BODY_BYTES + 1}")
    assert (heard["body"], heard["CONTENT_LENGTH"]) == ("", str(MAX_BODY_BYTES + 1))


@pytest.mark.parametrize(
    ("declared", "drips"),
    [
        ("Content-Length: 500", True),
        (f"Content-Length: {MAX_BODY_BYTES}", True),
        ("Transfer-Encoding: chunked", True),
        ("Content-Length: 500", False),
    ],
)
def test_a_body_that_takes_too_long_is_refused_and_the_connection_closed(
    address: tuple[str, int], declared: str, drips: bool
):
    with connect(address) as client:
        client.sendall(raw(f"POST / HTTP/1.1\n{declared}"))
        started = time.monotonic()
        client.settimeout(0.1)
        answer = b""
        while time.monotonic() < started + 20 * TIMEOUT_S:
            try:
                if drips and not answer:
                    client.sendall(b"1\r\na\r\n")
                if not (piece := client.recv(10_000)):
                    break
                answer += piece
            except TimeoutError:
                continue
            except ConnectionError:
                break
        else:
            raise AssertionError("the connection is still open")
        assert time.monotonic() - started > 0.9 * TIMEOUT_S
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_timeout"


def test_a_large_body_may_take_longer_as_long_as_it_comes(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw(f"POST / HTTP/1.1\nContent-Length: {MAX_BODY_BYTES}"))
        started = time.monotonic()
        for _ in range(20):
            client.sendall(b"a" * (MAX_BODY_BYTES // 20))
            time.sleep(2 * TIMEOUT_S / 20)
        assert reply_of(client)[0] == 200
        assert time.monotonic() - started > 1.5 * TIMEOUT_S


def seconds_beside_slow_clients(address: tuple[str, int]) -> float:
    """How long two requests take while many others are not finished."""
    beginnings = [b"", b"POST / HTTP/1.1\r\nX-", raw("POST / HTTP/1.1\nContent-Length: 500") + b"a"]
    with ExitStack() as stack:
        for beginning in beginnings * 10 * THREADS:
            stack.enter_context(connect(address)).sendall(beginning)
        started = time.monotonic()
        assert said(address, "POST / HTTP/1.1\nContent-Length: 5", b"other")["body"] == "other"
        assert said(address, "POST / HTTP/1.1\nContent-Length: 5", b"quick")["body"] == "quick"
        return time.monotonic() - started


def test_slow_clients_hold_no_thread(address: tuple[str, int]):
    # A busy machine is late now and then; threads that are held are so until the slow clients are given up.
    assert any(seconds_beside_slow_clients(address) < 0.8 * TIMEOUT_S for _ in range(5))


def test_unfinished_large_bodies_cannot_fill_the_memory(address: tuple[str, int]):
    head = raw(f"POST / HTTP/1.1\nContent-Length: {MAX_BODY_BYTES}")
    with ExitStack() as stack:
        clients = [stack.enter_context(connect(address)) for _ in range(17)]
        for client in clients:
            client.sendall(head + b"a" * (MAX_BODY_BYTES - 1))
        replies = [reply_of(client) for client in clients]
    assert sorted({status for status, _ in replies}) == [408, 503]
    assert "server_busy" in str(replies)
    # What they held is free again.
    assert answered(address, f"POST / HTTP/1.1\nContent-Length: {MAX_BODY_BYTES}", b"a" * MAX_BODY_BYTES)[0] == 200


def test_a_request_that_is_cut_off_never_reaches_the_application(address: tuple[str, int]):
    with connect(address) as client:
        client.sendall(raw("POST / HTTP/1.1\nContent-Length: 5") + b"qui")
        client.shutdown(socket.SHUT_WR)
        assert client.recv(10_000).startswith((b"", b"HTTP/1.1 400"))
    assert said(address, "POST / HTTP/1.1\nContent-Length: 5", b"quick")["body"] == "quick"


@pytest.mark.parametrize("beginning", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nX-A: ", b"GET /drips"])
def test_a_head_that_never_ends_is_given_up(address: tuple[str, int], beginning: bytes):
    with connect(address) as client:
        started = time.monotonic()
        client.sendall(beginning)
        if beginning.endswith(b"drips"):
            client.settimeout(0.05)
            with contextlib.suppress(ConnectionError):
                while time.monotonic() - started < 20 * TIMEOUT_S:
                    client.sendall(b"a")
                    with contextlib.suppress(TimeoutError):
                        if client.recv(10) == b"":
                            break
        else:
            with contextlib.suppress(ConnectionError):
                assert closes(client) == b""
        assert 0.9 * TIMEOUT_S < time.monotonic() - started < 20 * TIMEOUT_S


def test_a_head_of_any_length_is_not_taken(address: tuple[str, int]):
    with connect(address) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(b"GET / HTTP/1.1\r\nHost: echo\r\n" + b"X-Long: " + b"a" * 80_000)
        status, text = reply_of(client)
    assert status == 431
    assert json.loads(text)["error"]["code"] == "head_too_large"


@pytest.mark.parametrize("nonsense", [b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_no_http_is_told_so_in_the_words_of_other_errors(address: tuple[str, int], nonsense: bytes):
    with connect(address) as client:
        client.sendall(nonsense)
        with closing(http.client.HTTPResponse(client)) as reply:
            reply.begin()
            assert reply.status == 400
            assert reply.headers["X-Content-Type-Options"] == "nosniff"
            assert json.loads(reply.read())["error"]["code"] == "invalid_request"


def test_requests_that_come_at_once_are_answered_in_turn(address: tuple[str, int]):
    one = raw("POST /first HTTP/1.1\nContent-Length: 5") + b"other"
    two = raw("POST /second HTTP/1.1\nContent-Length: 5\nConnection: close") + b"quick"
    with connect(address) as client:
        client.sendall(one + two)
        heard = closes(client)
    assert heard.index(b"/first") < heard.index(b"/second")
    assert heard.count(b"HTTP/1.1 200") == 2


def test_a_reply_to_head_has_no_body(address: tuple[str, int]):
    with closing(http.client.HTTPConnection(*address, timeout=20)) as connection:
        for _ in range(2):  # the second shows that nothing of the first is left in the connection
            connection.request("HEAD", "/")
            with connection.getresponse() as reply:
                assert (reply.status, reply.read()) == (200, b"")
                assert int(reply.headers["Content-Length"]) > 0


def test_an_application_that_breaks_is_answered_for(address: tuple[str, int]):
    assert answered(address, "GET /breaks HTTP/1.1")[0] == 500


def test_a_stream_that_nobody_reads_any_more_is_closed(address: tuple[str, int]):
    with closing(http.client.HTTPConnection(*address, timeout=20)) as connection:
        connection.request("GET", "/ticks")
        with connection.getresponse() as reply:
            assert reply.readline() == b"tick\n"
            assert said(address, "GET / HTTP/1.1")["closed"] is False
    deadline = time.monotonic() + 60
    while not said(address, "GET / HTTP/1.1")["closed"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
