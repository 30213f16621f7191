"""The description of a route, for the OpenAPI document.

    @blueprint.get("/api/things/<int:thing>")
    @describe(Thing, query=(LIMIT,), errors=(ThingMissing,))
    def get_thing(thing: int) -> Response:
        \"\"\"One thing.\"\"\"

The first line of the docstring is the summary, the rest the description.
The document adds responses that follow from the method, the path or the access
check (401, 403, 413, 429, 500 and so on).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, TypeVar

from mnist_classifier.core.errors import MnistError
from mnist_classifier.web.wire.parameters import Parameter

JSON, HTML = "application/json", "text/html"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """A decorator that attaches itself to a route's function.

    reply: type of the JSON reply, or None for another media type.
    also_status: another status that means success, with the same reply.
    also: media types of binary replies that a client can ask for instead.
    body: type of the JSON body, or the type of each media type; None for a binary body.
    errors: the errors that this route can raise, besides those that all similar routes can raise.
    """

    reply: Any = None
    _: KW_ONLY
    status: int = 200
    also_status: int | None = None
    media: str = JSON
    also: tuple[str, ...] = ()
    query: tuple[Parameter[Any, Any], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    body_required: bool = True
    errors: tuple[type[MnistError], ...] = ()

    def __call__(self, view: View) -> View:
        """Describe a function, and leave it as it is."""
        view.__operation__ = self  # type: ignore[attr-defined]
        return view

    @property
    def bodies(self) -> Mapping[str, Any]:
        """Media type -> type of the body; empty if there is none."""
        if isinstance(self.body, Mapping):
            return self.body
        return {} if self.body is None else {JSON: self.body}


describe = Operation


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """The description of a route; None if it has none."""
    found: Operation | None = getattr(view, "__operation__", None)
    return found
