"""The JSON routes of model versions."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("models", __name__)
