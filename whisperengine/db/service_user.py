"""The system user that PostgreSQL runs as when the service runs as root, which PostgreSQL refuses to do."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisperengine.errors import EmbeddedPostgresError

if sys.platform != "win32":
    import pwd

log = logging.getLogger(__name__)

NAME = "whisperengine"
FALLBACK = "nobody"


@dataclass(frozen=True)
class ServiceUser:
    """A user without rights of its own."""

    name: str
    uid: int
    gid: int

    @property
    def credentials(self) -> dict[str, Any]:
        """The arguments with which `subprocess` runs a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def first_closed(self, *targets: Path) -> Path | None:
        """What stops this user on the way to `targets`: the first folder it may not enter, or program it may not run.

        None when all is open. The user itself is asked, so that access lists and mount options count too.
        """
        way = [step for target in targets for step in (*reversed(target.parents), target)]
        ask = 'for step do [ -x "$step" ] || { printf %s "$step"; exit; }; done'
        answer = subprocess.run(
            ["/bin/sh", "-c", ask, "sh", *way], stdout=subprocess.PIPE, cwd="/", check=True, **self.credentials
        )
        return Path(os.fsdecode(answer.stdout)) if answer.stdout else None

    def own(self, folder: Path) -> None:
        """Give `folder` and what is in it to this user; itself last, so that its owner tells whether all was done."""
        for parent, folders, files in os.walk(folder, topdown=False):
            for name in (*files, *folders):
                os.chown(Path(parent, name), self.uid, self.gid, follow_symlinks=False)
        os.chown(folder, self.uid, self.gid)


def service_user() -> ServiceUser | None:
    """Who PostgreSQL runs as: None (ourselves) unless we are root. The user `whisperengine` is created when missing.

    Where none can be created (a read-only `/etc`, a system without `useradd`) it is `nobody`.
    Raises EmbeddedPostgresError when there is not even that.
    """
    if os.geteuid() != 0:
        return None
    entry = _entry(NAME) or _create() or _entry(FALLBACK)
    if entry is None:
        raise EmbeddedPostgresError(
            f"PostgreSQL must not run as root, and there is no other user to run it as. Run: useradd --system {NAME}"
        )
    return ServiceUser(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _entry(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create() -> pwd.struct_passwd | None:
    command = ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = done.stdout.decode(errors="replace").strip()
    except FileNotFoundError:
        said = "there is no useradd"
    entry = _entry(NAME)  # another process may have created it meanwhile, at which useradd fails
    if entry is None:
        log.warning("The user %s could not be created (%s): PostgreSQL runs as %s.", NAME, said, FALLBACK)
    return entry
