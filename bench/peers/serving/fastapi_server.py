"""FastAPI with a pydantic body: `uvicorn fastapi_server:app --workers 2`.

Source: FastAPI's documentation, Request Body and Server Workers.  A plain
function, which FastAPI runs in a thread, since it computes.
"""

from __future__ import annotations

import model
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
network = model.load()


class Question(BaseModel):
    """A picture in base64."""

    image: str


class Answer(BaseModel):
    """The digit."""

    prediction: int
    confidence: float
    probabilities: list[float]


@app.post("/predict")
def predict(question: Question) -> Answer:
    """Read one picture."""
    return Answer(**model.read(network, question.image))
