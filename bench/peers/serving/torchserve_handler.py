"""TorchServe's custom handler; bench/serving.py packs and starts it with two workers.

Source: TorchServe's documentation, Custom Service and Advanced Configuration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import model
from torch import Tensor
from ts.torch_handler.base_handler import BaseHandler


class Digits(BaseHandler):
    """The steps of one batch, which is one request here."""

    def initialize(self, context: Any) -> None:
        """Load from the archive."""
        self.network = model.load(Path(context.system_properties["model_dir"]))
        self.initialized = True

    def preprocess(self, data: list[dict[str, Any]]) -> list[Tensor]:
        """Bodies -> pixels."""
        return [model.decode(each["body"]["image"]) for each in data]

    def inference(self, data: list[Tensor], *_: Any, **__: Any) -> list[dict[str, Any]]:
        """Pixels -> digits."""
        return [model.judge(self.network, pixels) for pixels in data]

    def postprocess(self, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The digits, as JSON."""
        return data
