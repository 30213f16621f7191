"""BentoML with two workers: `bentoml serve bentoml_service:Digits`.

Source: BentoML's documentation, Create online API Services and Workers.
"""

from __future__ import annotations

from typing import Any

import bentoml
import model


@bentoml.service(workers=2, resources={"cpu": "2"}, traffic={"timeout": 10})
class Digits:
    """One model a worker."""

    def __init__(self) -> None:
        self.network = model.load()

    @bentoml.api
    def predict(self, image: str) -> dict[str, Any]:
        """Read one picture."""
        return model.read(self.network, image)
