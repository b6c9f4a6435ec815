from tests.support.discord_fixtures import discord, heart, reef
from tests.support.service_fixtures import home, offline, processes, talking

__all__ = ["discord", "heart", "home", "offline", "processes", "reef", "talking"]
