"""An S3-compatible server for tests: moto's, in this process."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    url: str  # s3://...
    variables: dict[str, str]  # of the environment, for whoever is to reach it


@contextmanager
def bucket() -> Iterator[Bucket]:
    """An empty bucket; skips where the packages are not installed."""
    s3fs = pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        variables = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        name = f"bucket-{uuid.uuid4().hex}"
        s3fs.S3FileSystem(key="test", secret="test", endpoint_url=variables["AWS_ENDPOINT_URL"]).mkdir(name)
        yield Bucket(url=f"s3://{name}", variables=variables)
    finally:
        server.stop()
