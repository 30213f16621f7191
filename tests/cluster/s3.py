"""A private S3-compatible server (moto's), whose address and keys stand in the usual variables."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import boto3

from tests.processes import free_port, wait_for_port

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


class S3:
    """One server; it can be stopped, and keeps nothing then."""

    def __init__(self) -> None:
        self._port = free_port()
        self.variables = {**KEYS, "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self._port}"}
        self._buckets = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self._port)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self._port, self._process)

    def stop(self) -> None:
        """End the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)

    def new_bucket(self) -> str:
        """The name of an empty bucket."""
        self._buckets += 1
        name = f"models-{os.getpid()}-{self._buckets}"
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        client = boto3.client("s3", endpoint_url=self.variables["AWS_ENDPOINT_URL_S3"], **keys)
        client.create_bucket(Bucket=name)
        client.close()
        return name


@contextlib.contextmanager
def s3_server() -> Iterator[S3]:
    """A server that ends with the block."""
    server = S3()
    server.start()
    try:
        yield server
    finally:
        server.stop()
