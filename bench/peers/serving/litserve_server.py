"""LitServe, one model in each of two processes: `python litserve_server.py PORT`.

Source: LitServe's documentation, LitAPI, LitServer and Autoscaling.
"""

from __future__ import annotations

import sys
from typing import Any

import litserve
import model
from torch import Tensor


class Digits(litserve.LitAPI):
    """The steps of one request."""

    def setup(self, device: str) -> None:
        """Load, once a process."""
        self.network = model.load()

    def decode_request(self, request: dict[str, str]) -> Tensor:
        """Body -> pixels."""
        return model.decode(request["image"])

    def predict(self, pixels: Tensor) -> dict[str, Any]:
        """Pixels -> digit."""
        return model.judge(self.network, pixels)

    def encode_response(self, output: dict[str, Any]) -> dict[str, Any]:
        """The digit, as JSON."""
        return output


if __name__ == "__main__":
    server = litserve.LitServer(Digits(), accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error")
