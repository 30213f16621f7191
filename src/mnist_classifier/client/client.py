"""Client of a running server.

    with Client("http://127.0.0.1:5000") as client:
        reading = client.predict("seven.png")
        for reading in client.predict_many(paths):
            ...

It returns the same records and raises the same errors as a Recogniser in
this process.  docs/python.md has examples.
"""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from mnist_classifier.client import replies
from mnist_classifier.client.corrections import CorrectionMethods
from mnist_classifier.client.personal import PersonalMethods
from mnist_classifier.client.replies import ModelStatus, ModelSummary, StartedRun
from mnist_classifier.core.records import NumberReading, Reading
from mnist_classifier.recognition.imaging.sources import Picture, as_file
from mnist_classifier.recognition.numbers import form
from mnist_classifier.recognition.numbers.expected import Field

# Media types by the first bytes of a file.  The server detects other types itself.
MEDIA_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}
RAW_GLYPH = "application/x-mnist-glyph"

Point = tuple[float, float]
Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Client(CorrectionMethods, PersonalMethods):
    """A connection to one server.  Thread-safe; keeps connections open until `close`.

    url: address of the server, with a path if it is behind a proxy.
    token: sent as `Authorization: Bearer`.
    timeout_s: longest wait for a reply; connecting takes at most 5 s.
    retries: further attempts, with pauses, if repeating is safe: the
    connection was refused, or a request that changes nothing got 502 or 503.
    connections: simultaneous requests of predict_many.

    Every method raises ServerUnreachable, and the errors that the server
    reports: InvalidImage, RunInProgress, ...; ServerError for unknown ones.
    """

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def predict(
        self,
        picture: Picture,
        *,
        version: int | None = None,
        personal: str | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> Reading:
        """Read the digit in a picture: a path, the bytes of a file, uint8 pixels, or a Pillow image.

        version: by default the one in production.  personal: the writer whose personal model reads.
        The thresholds override those of the model.
        """
        options = _options(version, ambiguous_below, not_a_digit_above, personal)
        return self._predict(replies.converter(Reading), picture, options)

    def predict_glyph(
        self,
        glyph: npt.NDArray[np.uint8],
        *,
        version: int | None = None,
        personal: str | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> Reading:
        """Read a (28, 28) uint8 glyph without preprocessing."""
        options = _options(version, ambiguous_below, not_a_digit_above, personal)
        return self._send(replies.converter(Reading), glyph.tobytes(), RAW_GLYPH, options)

    def predict_many(
        self,
        pictures: Iterable[Picture],
        *,
        version: int | None = None,
        personal: str | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> Iterator[Reading]:
        """Read many pictures as `predict` does, several at the same time, and yield readings in order.

        Pictures are requested as needed, so the iterable may be endless.
        """
        read = partial(self.predict, **_options(version, ambiguous_below, not_a_digit_above, personal))
        return self.ask_many(read, pictures)

    def number(
        self,
        picture: Picture,
        *,
        strokes: Sequence[Sequence[Point]] | None = None,
        length: int | None = None,
        pattern: str | None = None,
        allowed: str | None = None,
        version: int | None = None,
        personal: str | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> NumberReading:
        """Read several digits, line by line; bounding boxes are in px of the picture.

        strokes: pen strokes that help to separate digits, each a list of points x, y in px of the picture.
        length: how many digits the number has.  pattern: the number as it is written, with d for any digit,
        such as dd/dd/dd.  allowed: the digits that may occur, such as 0123.
        """
        known = {"mode": "number", "length": length, "pattern": pattern, "allowed": allowed}
        options = {**known, **_options(version, ambiguous_below, not_a_digit_above, personal)}
        options = {name: value for name, value in options.items() if value is not None}
        if strokes is None:
            return self._predict(replies.number, picture, options)
        points = [[[float(x), float(y)] for x, y in stroke] for stroke in strokes]
        return self._predict_in_json(replies.number, picture, {**options, "strokes": points})

    def fields(
        self,
        picture: Picture,
        fields: Sequence[Field],
        *,
        version: int | None = None,
        personal: str | None = None,
        ambiguous_below: float | None = None,
        not_a_digit_above: float | None = None,
    ) -> list[NumberReading]:
        """Read each field of a form; bounding boxes are in px of the whole picture.

        Raises InvalidInput with the exact part, such as `fields[2].box`.
        """
        options = _options(version, ambiguous_below, not_a_digit_above, personal)
        return self._predict_in_json(replies.fields, picture, {**options, "fields": form.to_json(fields)})

    def model_status(self) -> ModelStatus:
        """Get the model in production and the progress of training."""
        return self._ask(replies.converter(ModelStatus), "GET", "/model-status")

    def models(self) -> tuple[ModelSummary, ...]:
        """List the model versions, newest first; the one in production has the alias `production`."""
        return self._ask(replies.models, "GET", "/api/models")

    def retrain(self, **settings: Any) -> StartedRun:
        """Start a training with `settings` from docs/training.md.

        Raises RunInProgress, InvalidConfig, TrainingUnavailable.
        """
        return self._ask(replies.converter(StartedRun), "POST", "/retrain", json=settings)

    def ask_many(self, ask: Callable[[Question], Answer], questions: Iterable[Question]) -> Iterator[Answer]:
        """Like `map(ask, questions)`, but with several calls at the same time; yields the answers in order."""
        pool = ThreadPoolExecutor(self._connections)
        waiting: deque[Future[Answer]] = deque()
        try:
            for question in questions:
                waiting.append(pool.submit(ask, question))
                if len(waiting) >= 2 * self._connections:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:  # if the caller stops early, drop the calls that have not started
            pool.shutdown(cancel_futures=True)

    def _predict(
        self, make: Callable[[dict[str, Any]], Answer], picture: Picture, options: Mapping[str, Any]
    ) -> Answer:
        file = as_file(picture)
        return self._send(make, file, _media_type(file), options)

    def _predict_in_json(
        self, make: Callable[[dict[str, Any]], Answer], picture: Picture, options: Mapping[str, Any]
    ) -> Answer:
        body = {**options, "image": base64.b64encode(as_file(picture)).decode("ascii")}
        return self._ask(make, "POST", "/predict", json=body)

    def _send(
        self, make: Callable[[dict[str, Any]], Answer], data: bytes, media_type: str, options: Mapping[str, Any]
    ) -> Answer:
        return self._ask(make, "POST", "/predict", params=options, data=data, headers={"Content-Type": media_type})


def _options(
    version: int | None, ambiguous_below: float | None, not_a_digit_above: float | None, personal: str | None
) -> dict[str, Any]:
    """The options that are not None, because the server answers requests without options fastest."""
    options = {
        "version": version,
        "ambiguous_below": ambiguous_below,
        "not_a_digit_above": not_a_digit_above,
        "personal": personal,
    }
    return {name: value for name, value in options.items() if value is not None}


def _media_type(file: bytes) -> str:
    return next((name for start, name in MEDIA_TYPES.items() if file.startswith(start)), "application/octet-stream")
