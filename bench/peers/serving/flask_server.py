"""Flask's development server, as its quick start has it: `flask --app flask_server run`.

Source: Flask's documentation, Quickstart and Development Server.
"""

from __future__ import annotations

import model
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
network = model.load()


@app.post("/predict")
def predict() -> Response:
    """Read one picture."""
    return jsonify(model.read(network, request.get_json()["image"]))
