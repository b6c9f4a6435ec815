"""Who may use a home: two locks, because the service and its PostgreSQL can die apart.

`owner.lock` is held by the service alone. `server.lock` is inherited by every process of PostgreSQL, so whoever gets it
knows that none of them is alive. A process id in a file cannot say that: the number may be somebody else's by now.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from whisperengine.errors import EmbeddedPostgresError

if sys.platform != "win32":
    import fcntl


GRACE = 2.0  # seconds that a service which has just been killed may need to be gone


class HomeLock:
    """Both locks of one folder, free until `acquire`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: list[int] = []

    @property
    def held(self) -> bool:
        """Whether this process alone may touch the folder."""
        return len(self._held) == 2

    @property
    def server(self) -> int:
        """The descriptor to be inherited by PostgreSQL's processes."""
        return self._held[1]

    def acquire(self, deadline: float) -> None:
        """Take both locks, or raise EmbeddedPostgresError.

        Another living service is a refusal within seconds. What is left of the PostgreSQL of a dead one gets until
        `deadline` (of `time.monotonic`) to end.
        """
        owner = self._folder / "owner.lock"
        if not self._wait_for(owner, min(deadline, time.monotonic() + GRACE)):
            raise EmbeddedPostgresError(
                f"{self._folder.parent} is in use by another WhisperEngine (process {owner.read_text() or 'unknown'}). "
                "Stop that one, or choose another folder with WHISPERENGINE_HOME."
            )
        os.ftruncate(self._held[0], 0)
        os.write(self._held[0], str(os.getpid()).encode())
        server = self._folder / "server.lock"
        if not self._wait_for(server, deadline):
            raise EmbeddedPostgresError(
                f"PostgreSQL of an earlier run is still at work in {self._folder}. Start again when it has ended."
            )
        # Some network file systems give a lock to a process rather than to an open file; it would not be inherited.
        if self._take(server):
            raise EmbeddedPostgresError(
                f"The file system of {self._folder} has no locks that a database can rely on. "
                "Choose a folder on a local disk with WHISPERENGINE_HOME, or set DATABASE_URL."
            )

    def release(self) -> None:
        """Give up what this process holds; PostgreSQL's processes keep what they have inherited."""
        while self._held:
            os.close(self._held.pop())

    def _wait_for(self, path: Path, deadline: float) -> bool:
        while not self._take(path):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _take(self, path: Path) -> bool:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:
            os.close(descriptor)
            raise
        self._held.append(descriptor)
        return True
