"""What a route says of itself.

    @blueprint.get("/api/things/<int:thing>")
    @describe(shapes.Thing, query=(LIMIT,), errors=(ThingMissing,))
    def get_thing(thing: int) -> Response:
        \"\"\"One thing.\"\"\"

The summary is the first line of the docstring, the description the rest of
it.  What follows from the method, the path or the guard (401, 403, 413, 429,
500 and so on) need not be said.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mnist_classifier.core.errors import MnistError
from mnist_classifier.web.wire.parameters import Parameter

JSON, HTML = "application/json", "text/html"

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Operation:
    """A route's description.

    reply: the type of its JSON, or None for another `media` type.
    also: media types of bytes that it gives to who asks for them.
    body: media type -> type of what is sent; None for bytes.
    errors: what it raises beyond what every such route may raise.
    """

    reply: Any
    status: int = 200
    media: str = JSON
    also: tuple[str, ...] = ()
    query: tuple[Parameter, ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    body_required: bool = True
    errors: tuple[type[MnistError], ...] = ()
    tag: str = ""


def describe(
    reply: Any = None,
    *,
    status: int = 200,
    media: str = JSON,
    also: Sequence[str] = (),
    query: Sequence[Parameter] = (),
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    body_required: bool = True,
    errors: Sequence[type[MnistError]] = (),
    tag: str = "",
) -> Callable[[View], View]:
    """Describe the route below; the function itself stays as it is.

    body: the type of a JSON body, or a mapping of media types to types.
    tag: the heading to stand under, if not that of the blueprint.
    """
    bodies = body if isinstance(body, Mapping) else {} if body is None else {JSON: body}
    operation = Operation(
        reply, status, media, tuple(also), tuple(query), headers or {}, bodies, body_required, tuple(errors), tag
    )

    def attach(view: View) -> View:
        view.__operation__ = operation  # type: ignore[attr-defined]
        return view

    return attach


def operation_of(view: Callable[..., Any]) -> Operation | None:
    """How a route was described; None where it was not."""
    found: Operation | None = getattr(view, "__operation__", None)
    return found
