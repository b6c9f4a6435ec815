from tests.support.service_fixtures import offline, talking

__all__ = ["offline", "talking"]
