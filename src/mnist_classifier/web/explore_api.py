"""The JSON routes of looking into a model: what it gets wrong, and why."""

from __future__ import annotations

from flask import Blueprint

blueprint = Blueprint("explore", __name__)
