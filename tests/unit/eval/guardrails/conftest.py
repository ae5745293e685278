"""What the tests of this folder share."""

from tests.fakes.gate import once_a_session

__all__ = ["once_a_session"]
