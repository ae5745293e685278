"""Fixtures that several modules share, by the module that defines them."""

pytest_plugins = ["tests.postgres"]
