"""Somebody who uses a page: draws, taps, reads what is shown."""

from __future__ import annotations

import base64
import contextlib
import io
from collections.abc import Iterator, Sequence

from PIL import Image
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, Route

Point = tuple[float, float]
# Strokes in parts of the pad's side, from the top left.
SEVEN: list[Point] = [(0.28, 0.25), (0.5, 0.24), (0.72, 0.25), (0.6, 0.5), (0.52, 0.65), (0.44, 0.82)]
DOT: list[Point] = [(0.9, 0.9)]

# Chromium reports each failed request so, whatever the page makes of it.
FAILED_REQUEST = "Failed to load resource"


class Visitor:
    """A page with an eye on its console and on what it asks of the server."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.expected_errors: tuple[str, ...] = ()
        self.console_errors: list[str] = []
        self.predict_requests: list[Request] = []
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.console_errors.append(str(error)))
        page.on("request", lambda each: self.predict_requests.append(each) if "/predict" in each.url else None)

    def find(self, element_id: str) -> Locator:
        """The element of that id."""
        return self.page.locator(f"#{element_id}")

    @contextlib.contextmanager
    def slow(self, address: str, method: str | None = None) -> Iterator[list[Route]]:
        """Keep the requests to an address back until the end of the block."""
        held: list[Route] = []

        def hold(route: Route) -> None:
            if method in (None, route.request.method):
                held.append(route)
            else:
                route.fallback()

        self.page.route(address, hold)
        yield held
        self.page.unroute(address, hold)
        for route in held:
            with contextlib.suppress(Error):  # the page has aborted it, or the test has answered
                route.fallback()

    def wait_until_stored(self, text: str = "strokes") -> None:
        """Until the browser stores the drawing; the part of the page that does so may load after the reading."""
        script = "text => sessionStorage.getItem('mnist-classifier.pad')?.includes(text)"
        self.page.wait_for_function(script, arg=text)

    def draw(self, points: Sequence[Point] = SEVEN) -> None:
        """One stroke with the mouse."""
        first, *rest = self._on_screen(points)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in rest:
            self.page.mouse.move(*point, steps=2)
        self.page.mouse.up()

    def draw_slowly(self, points: Sequence[Point]) -> Iterator[None]:
        """One stroke with the mouse, with a pause after each point for whoever takes pictures."""
        first, *rest = self._on_screen(points)
        self.page.mouse.move(*first)
        self.page.mouse.down()
        for point in rest:
            self.page.mouse.move(*point)
            yield
        self.page.mouse.up()

    def draw_with_finger(self, points: Sequence[Point] = SEVEN) -> None:
        """One stroke on a touch screen."""
        session = self.page.context.new_cdp_session(self.page)
        kind = "touchStart"
        for x, y in self._on_screen(_between(points)):
            session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
            kind = "touchMove"
        session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        session.detach()

    def ink(self) -> int:
        """How many pixels of the pad on the screen are not transparent."""
        script = """canvas => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => {
            const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            let inked = 0;
            for (let alpha = 3; alpha < data.length; alpha += 4) inked += data[alpha] > 0;
            resolve(inked);
        })))"""
        count: int = self.find("pad").evaluate(script)
        return count

    def sent_image(self) -> Image.Image:
        """The bitmap of the newest /predict."""
        body = self.predict_requests[-1].post_data_json
        assert body is not None
        prefix, _, content = body["image"].partition(",")
        assert prefix == "data:image/png;base64"
        return Image.open(io.BytesIO(base64.b64decode(content)))

    def unexpected_errors(self) -> list[str]:
        """What the console said and the test did not announce."""
        return [text for text in self.console_errors if not any(part in text for part in self.expected_errors)]

    def _on_screen(self, points: Sequence[Point]) -> list[Point]:
        self.find("pad").scroll_into_view_if_needed()
        box = self.find("pad").bounding_box()
        assert box is not None
        return [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(message.text)


def _between(points: Sequence[Point], steps: int = 2) -> list[Point]:
    """The points with further ones on the straight lines between them."""
    path = [points[0]]
    for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
        path += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(1, steps + 1)]
    return path
