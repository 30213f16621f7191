"""Ask a server to read the items of `mnist predict`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from mnist_classifier.client.client import Client
from mnist_classifier.core.errors import ServerError, ServerUnreachable
from mnist_classifier.recognition.bulk import (
    FORM,
    NUMBER,
    Answer,
    FormReading,
    Item,
    Outcome,
    Task,
    attempt,
    whole_picture,
)
from mnist_classifier.recognition.numbers import form


def ask_server(client: Client, items: Iterable[Item], task: Task, options: Mapping[str, Any]) -> Iterator[Outcome]:
    """Ask a server about items, several at the same time."""
    known = form.expected_to_json(task.expected)

    def ask(item: Item) -> Answer:
        if task.mode == FORM:
            return FormReading(task.fields, client.fields(whole_picture(item), task.fields, **options))
        if task.mode == NUMBER:
            return client.number(whole_picture(item), **known, **options)
        if isinstance(item.content, np.ndarray):
            return client.predict_glyph(item.content, **options)
        return client.predict(whole_picture(item), **options)

    def outcome(item: Item) -> Outcome:
        try:
            return Outcome(item, attempt(ask, item))
        except ServerError as error:
            # 413 (too large) and 500 (a failure) concern this picture; any other error would meet all pictures.
            if isinstance(error, ServerUnreachable) or error.status not in (413, 500):
                raise
            return Outcome(item, error)

    return client.ask_many(outcome, items)
