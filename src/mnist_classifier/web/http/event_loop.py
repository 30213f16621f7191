"""Requests that the event loop answers itself, and those that turn out to take too long for it."""

from __future__ import annotations

# A key of the WSGI environment: present while the event loop waits for the answer.
IN_EVENT_LOOP = "mnist_classifier.in_event_loop"
# Another: present if the event loop has asked in vain, so that the request is not tried, limited and counted twice.
TOOK_LONG = "mnist_classifier.took_long"


class TakesLong(Exception):
    """The answer takes longer than the event loop may wait; ask again from a thread."""
