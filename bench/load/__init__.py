"""Shared by serving.py and soak.py: pictures to send, servers to start, load generators."""
