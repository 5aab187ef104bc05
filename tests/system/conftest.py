"""A whole Lonewatch for the tests of this directory that ask for one."""

from tests.support.live_fixtures import live, say, world

__all__ = ["live", "say", "world"]
