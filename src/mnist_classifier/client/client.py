"""A running server, asked from Python.

    with Client("http://127.0.0.1:5000") as client:
        reading = client.predict("seven.png")
        for reading in client.predict_many(paths):
            ...

Readings are the records that a Recogniser gives in this process; what the
server refuses is raised as the same errors.  docs/python.md has examples.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from mnist_classifier.client import replies
from mnist_classifier.client.replies import ModelStatus, ModelSummary, StartedRun
from mnist_classifier.core.errors import InvalidConfig, ServerError, ServerUnreachable, error_of_code
from mnist_classifier.core.records import NumberReading, Reading
from mnist_classifier.recognition.imaging.sources import Picture, as_file

# Pauses before the second, third and fourth attempt: 0, 0.4, 0.8 s, and up to 0.1 s more, so that clients do not
# come back all at once.
BACKOFF_S, JITTER_S = 0.2, 0.1
CONNECT_TIMEOUT_S = 5.0
DEFAULT_MODE = "digit"
# How files begin; the server looks at the contents of any other.
MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
RAW_GLYPH = "application/x-mnist-glyph"
PASSING = (502, 503)  # a proxy whose server restarts; a server that is not ready or full
# The bytes of an answer that says nothing else about itself.
SHOWN_CHARACTERS = 200

Point = tuple[float, float]
Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Client:
    """One server.  Safe to share between threads; keeps its connections open until `close`.

    url: where the server is, with a path where it stands behind a proxy.
    token: sent as `Authorization: Bearer`.
    timeout_s: how long to wait for an answer; a connection must come about within 5 s.
    retries: further attempts, with pauses between them, where repeating is
    safe: the connection was refused, or the answer was 502 or 503 to a request
    that changes nothing.
    connections: requests at the same time of predict_many.

    Every method raises ServerUnreachable, and the errors that the server
    names: InvalidImage, RunInProgress, ...; ServerError for any other.
    """

    def __init__(
        self, url: str, *, token: str | None = None, timeout_s: float = 30.0, retries: int = 3, connections: int = 8
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidConfig(f"a server's address looks like http://127.0.0.1:5000, not {url!r}", field="url")
        self.url = url.rstrip("/")
        self._timeouts_s = (min(CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._connections = connections
        self._session = requests.Session()
        self._session.headers.update({"Accept": "application/json", "User-Agent": "mnist-classifier"})
        # Without this a .netrc file could put another password into the header.
        self._session.auth = _Bearer(token)
        self._session.mount(self.url, _adapter(retries, PASSING, connections))
        self._session.mount(f"{self.url}/retrain", _adapter(retries, (), connections))

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def predict(
        self,
        picture: Picture,
        *,
        version: int | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> Reading:
        """Read the digit in a picture: a path, the bytes of a file, uint8 pixels, or an image of Pillow.

        version: another than the one in production.  The thresholds go before the model's own.
        """
        return self._predict(
            replies.reading, picture, _fields(DEFAULT_MODE, version, ambiguous_below, not_a_digit_above)
        )

    def predict_glyph(
        self,
        glyph: npt.NDArray[np.uint8],
        *,
        version: int | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> Reading:
        """Read a (28, 28) uint8 glyph as it is, where `predict` would prepare it as a picture first."""
        fields = _fields(DEFAULT_MODE, version, ambiguous_below, not_a_digit_above)
        return self._send(replies.reading, glyph.tobytes(), RAW_GLYPH, fields)

    def predict_many(
        self,
        pictures: Iterable[Picture],
        *,
        version: int | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> Iterator[Reading]:
        """Read many pictures as `predict` would, some at the same time; readings come in the order of the pictures.

        Pictures are taken as they are needed, so there may be any number of them.
        """

        def read(picture: Picture) -> Reading:
            return self.predict(
                picture, version=version, ambiguous_below=ambiguous_below, not_a_digit_above=not_a_digit_above
            )

        return self.ask_many(read, pictures)

    def number(
        self,
        picture: Picture,
        *,
        strokes: Sequence[Sequence[Point]] | None = None,
        version: int | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> NumberReading:
        """Read several digits, line by line; boxes are in px of the picture.

        strokes: points x, y in px of the picture, one list a pen stroke, for telling digits apart.
        """
        fields = _fields("number", version, ambiguous_below, not_a_digit_above)
        return self._predict(replies.number, picture, fields, strokes)

    def model_status(self) -> ModelStatus:
        """Get the model in production and the progress of training."""
        return self._ask(replies.model_status, "GET", "/model-status")

    def models(self) -> tuple[ModelSummary, ...]:
        """Every model version, newest first; the one that answers has the alias `production`."""
        return self._ask(lambda body: tuple(map(replies.model_summary, body["models"])), "GET", "/api/models")

    def retrain(self, **settings: Any) -> StartedRun:
        """Start a training; `settings` are those of docs/training.md.

        Raises RunInProgress, InvalidConfig, TrainingUnavailable.
        """
        return self._ask(replies.started_run, "POST", "/retrain", json=settings)

    def ask_many(self, ask: Callable[[Question], Answer], questions: Iterable[Question]) -> Iterator[Answer]:
        """`map(ask, questions)`, in order, with some of them asked at the same time."""
        pool = ThreadPoolExecutor(self._connections)
        waiting: deque[Future[Answer]] = deque()
        try:
            for question in questions:
                waiting.append(pool.submit(ask, question))
                if len(waiting) >= 2 * self._connections:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # whoever stops early need not wait for what has not begun
            pool.shutdown(cancel_futures=True)

    def _predict(
        self,
        make: Callable[[dict[str, Any]], Answer],
        picture: Picture,
        fields: Mapping[str, Any],
        strokes: Sequence[Sequence[Point]] | None = None,
    ) -> Answer:
        file = as_file(picture)
        if strokes is None:
            return self._send(make, file, _media_type(file), fields)
        given = {name: value for name, value in fields.items() if value is not None}
        points = [[[float(x), float(y)] for x, y in stroke] for stroke in strokes]
        body = {**given, "image": base64.b64encode(file).decode("ascii"), "strokes": points}
        return self._ask(make, "POST", "/predict", json=body)

    def _send(
        self, make: Callable[[dict[str, Any]], Answer], data: bytes, media_type: str, fields: Mapping[str, Any]
    ) -> Answer:
        given = {name: value for name, value in fields.items() if value is not None}
        return self._ask(make, "POST", "/predict", params=given, data=data, headers={"Content-Type": media_type})

    def _ask(self, make: Callable[[dict[str, Any]], Answer], method: str, path: str, **request: Any) -> Answer:
        try:
            reply = self._session.request(
                method, self.url + path, timeout=self._timeouts_s, allow_redirects=False, **request
            )
        except requests.ReadTimeout as error:
            message = f"{self.url} did not answer within {self._timeouts_s[1]:g} seconds"
            raise ServerUnreachable(message) from error
        except requests.RequestException as error:
            message = f"{self.url} cannot be reached ({_cause(error)}); is the server running there?"
            raise ServerUnreachable(message) from error
        try:
            return make(self._body(reply))
        except (LookupError, TypeError, ValueError) as error:
            message = f"the answer of {self.url} cannot be understood; is its version another than this one's?"
            raise ServerError(message, status=reply.status_code) from error

    def _body(self, reply: requests.Response) -> dict[str, Any]:
        if reply.is_redirect:
            message = f"{self.url} sends to {reply.headers['Location']}; use the address of the server itself"
            raise ServerError(message, status=reply.status_code)
        try:
            body = reply.json()
            if reply.ok and isinstance(body, dict):
                return body
            error = body["error"]
            code, message, blamed = str(error["code"]), str(error["message"]), error.get("field")
        except (ValueError, LookupError, TypeError, AttributeError):
            raise _foreign(self.url, reply) from None
        raise error_of_code(code, message, blamed, reply.status_code)


class _Bearer(AuthBase):
    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token is not None:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _adapter(retries: int, passing: Sequence[int], connections: int) -> HTTPAdapter:
    """Connections that try again: always where none came about, and after the answers `passing`.

    What was sent and got no answer may have been done, so it is not repeated.
    """
    attempts = Retry(
        total=retries,
        read=False,
        other=0,
        status_forcelist=passing,
        allowed_methods=None,
        backoff_factor=BACKOFF_S,
        backoff_jitter=JITTER_S,
        respect_retry_after_header=False,  # it may say an hour
        raise_on_status=False,
    )
    return HTTPAdapter(pool_maxsize=connections, max_retries=attempts)


def _fields(
    mode: str, version: int | None, ambiguous_below: float | None, not_a_digit_above: float | None
) -> dict[str, Any]:
    return {
        "mode": None if mode == DEFAULT_MODE else mode,  # a server answers quickest what has no options
        "version": version,
        "ambiguous_below": ambiguous_below,
        "not_a_digit_above": not_a_digit_above,
    }


def _media_type(file: bytes) -> str:
    return next((name for start, name in MEDIA_TYPES.items() if file.startswith(start)), "application/octet-stream")


def _cause(error: requests.RequestException) -> str:
    """What lies at the bottom of it, without the wrapping of three libraries."""
    cause: BaseException = error
    while (inner := getattr(cause, "reason", None) or cause.__cause__ or cause.__context__) is not None:
        if not isinstance(inner, BaseException):
            break
        cause = inner
    return getattr(cause, "strerror", None) or type(cause).__name__


def _foreign(url: str, reply: requests.Response) -> ServerError:
    """Something other than our application has answered."""
    start = reply.text[:SHOWN_CHARACTERS].strip()
    message = f"{url} answered {reply.status_code} {reply.reason} in a form that is not mnist-classifier's: {start!r}"
    return ServerError(message, status=reply.status_code)
