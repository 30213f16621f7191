"""The part of the client that makes, lists and forgets personal models."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from mnist_classifier.client import replies
from mnist_classifier.client.replies import PersonalModel

PATH = "/api/personal"

Answer = TypeVar("Answer")


class PersonalMethods(ABC):
    """The methods of a client for personal models."""

    def personalise(self, writer: str) -> PersonalModel:
        """Learn a writer's handwriting from the corrections with that name.  Raises TooFewExamples."""
        return self._ask(replies.converter(PersonalModel), "POST", PATH, json={"writer": writer})

    def personal_models(self) -> tuple[PersonalModel, ...]:
        """List the personal models, by name."""
        body: dict[str, Any] = self._ask(dict, "GET", PATH)
        return msgspec.convert(body["models"], tuple[PersonalModel, ...])

    def forget(self, writer: str) -> None:
        """Delete a personal model; the corrections stay.  Raises PersonalModelMissing."""
        self._ask(dict, "DELETE", PATH, params={"writer": writer})

    @abstractmethod
    def _ask(self, make: Callable[[dict[str, Any]], Answer], method: str, path: str, **request: Any) -> Answer:
        """Send a request, and convert the JSON of the reply."""
