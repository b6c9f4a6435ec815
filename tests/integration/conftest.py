from tests.support.service_fixtures import home, offline, processes, talking

__all__ = ["home", "offline", "processes", "talking"]
