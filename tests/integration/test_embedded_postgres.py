"""The embedded PostgreSQL, its processes really killed. `embedded_app.py` is the service that is killed with it."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from whisperengine.db import embedded, home_lock, postgres_programs
from whisperengine.db.embedded import EmbeddedPostgres, bin_dir
from whisperengine.errors import EmbeddedPostgresError

APP = Path(__file__).with_name("embedded_app.py")
FAST = {"fsync": "off"}
REMEMBER = ("drop table if exists t", "create table t as select 42 as n")
PATIENCE = 300.0  # seconds until a test on a busy machine gives up


class App:
    """The small service in a process and process group of its own."""

    def __init__(self, home: Path, mode: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(APP), str(home), mode],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def says(self) -> str:
        """Its next line; empty when it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def dsn(self) -> str:
        word, _, dsn = self.says().partition(" ")
        assert word == "ready"
        return dsn

    def kill_everything(self) -> None:
        """The service, the guard, the postmaster and its children, before one can notice that another is gone."""
        me = psutil.Process(self.process.pid)
        everything = [me, *me.children(recursive=True)]
        for end in (psutil.Process.suspend, psutil.Process.kill):
            for process in everything:
                with suppress(psutil.NoSuchProcess):
                    end(process)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user may pass through, which pytest's own are not."""
    base = Path(tempfile.mkdtemp(prefix="whisperengine-test-"))
    base.chmod(0o711)
    yield base
    for lock in base.rglob("server.lock"):
        with lock.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # until the last process of PostgreSQL has ended
    shutil.rmtree(base)


@pytest.fixture
def new_home() -> Iterator[Path]:
    """A home that does not exist yet."""
    with open_folder() as base:
        yield base / "home"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A home for all tests that leave it as whole as they found it: making a cluster takes most of their time."""
    with open_folder() as base:
        yield base / "home"


@pytest.fixture
def run_app() -> Iterator[Callable[..., App]]:
    apps: list[App] = []

    def run(home: Path, mode: str = "hold") -> App:
        apps.append(App(home, mode))
        return apps[-1]

    yield run
    for app in apps:
        app.end()


@pytest.fixture
def postgres(home: Path) -> Iterator[EmbeddedPostgres]:
    """Not started yet."""
    server = EmbeddedPostgres(home, settings=FAST)
    yield server
    server.stop()


@pytest.fixture
def new_postgres(new_home: Path) -> Iterator[EmbeddedPostgres]:
    """Not started yet, in a home of its own."""
    server = EmbeddedPostgres(new_home, settings=FAST)
    yield server
    server.stop()


def query(dsn: str, *statements: str) -> str:
    """What psql prints for the statements: one row per line, columns divided by |."""
    command = [bin_dir() / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
    for statement in statements:
        command += ["-c", statement]
    return subprocess.run([*command, dsn], check=True, capture_output=True, text=True).stdout.strip()


def postmaster(home: Path) -> psutil.Process:
    return psutil.Process(int((home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0]))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def test_a_fresh_home_gets_a_durable_utf8_cluster_with_pgvector_and_no_network(new_home: Path) -> None:
    postgres = EmbeddedPostgres(new_home)
    dsn = postgres.start(PATIENCE)
    try:
        assert postgres.alive
        assert query(dsn, "select current_setting('server_version_num')::int / 10000") == "18"
        assert query(dsn, "create extension vector", "select '[1,2]'::halfvec(2) <-> '[1,4]'::halfvec(2)") == "2"
        assert query(dsn, "select lower('ÉÇ'), to_tsvector('simple', 'Äpfel')") == "éç|'äpfel':1"
        names = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses")
        assert query(dsn, *(f"show {name}" for name in names)) == "on\non\non"
    finally:
        postgres.stop()
    assert not postgres.alive


def test_nobody_else_can_read_what_is_kept(home: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start(PATIENCE)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (home / "postgres").iterdir()}
    assert {"data", "run", "server.log"} < modes.keys()
    assert not any(mode & 0o077 for mode in modes.values())


def test_what_was_stored_is_there_after_a_restart(postgres: EmbeddedPostgres) -> None:
    query(postgres.start(PATIENCE), *REMEMBER)
    postgres.stop()
    postgres.stop()
    assert not postgres.alive
    dsn = postgres.start(PATIENCE)
    assert postgres.start(PATIENCE) == dsn
    assert query(dsn, "select n from t") == "42"


def test_the_server_ends_when_the_app_is_killed_and_the_next_start_waits_for_that(
    home: Path, run_app: Callable[..., App], postgres: EmbeddedPostgres
) -> None:
    app = run_app(home)
    query(app.dsn(), *REMEMBER)
    server = postmaster(home)
    app.process.kill()
    assert query(postgres.start(PATIENCE), "select n from t") == "42"
    server.wait(PATIENCE)


def test_no_second_server_starts_beside_one_that_cannot_end(
    home: Path, run_app: Callable[..., App], postgres: EmbeddedPostgres
) -> None:
    app = run_app(home)
    app.dsn()
    server = postmaster(home)
    guard = server.parent()
    assert guard is not None
    server.suspend()
    guard.kill()
    app.process.kill()
    with pytest.raises(EmbeddedPostgresError, match="earlier run is still at work"):
        postgres.start(timeout=5)
    server.send_signal(signal.SIGINT)
    server.resume()
    postgres.start(PATIENCE)


def test_the_server_outlives_the_thread_that_started_it(home: Path, run_app: Callable[..., App]) -> None:
    dsn = run_app(home).dsn()  # its starting thread is gone by now
    server = postmaster(home)
    time.sleep(1)  # a death signal would have come long since
    assert query(dsn, "select 42") == "42"
    assert server.is_running()


def test_a_killed_postmaster_is_noticed_and_started_again(home: Path, postgres: EmbeddedPostgres) -> None:
    query(postgres.start(PATIENCE), *REMEMBER)
    postmaster(home).kill()
    wait_until(lambda: not postgres.alive)
    assert query(postgres.start(PATIENCE), "select n from t") == "42"
    assert postgres.alive


@pytest.mark.parametrize("victims", ["app", "postmaster", "app and postmaster", "everything"])
def test_every_acknowledged_row_survives_a_kill_in_the_middle_of_writing(
    home: Path, run_app: Callable[..., App], victims: str
) -> None:
    app = run_app(home, "write")
    app.dsn()
    acknowledged = [int(app.says()) for _ in range(100)]
    server = postmaster(home)
    if victims == "everything":
        app.kill_everything()
    if "app" in victims:
        app.process.kill()
    if "postmaster" in victims:
        server.kill()
    acknowledged += [int(line) for line in iter(app.says, "") if line != "stopped"]

    after = EmbeddedPostgres(home)
    try:
        stored = query(after.start(PATIENCE), "select n from numbers order by n").splitlines()
    finally:
        after.stop()
    # The one row beyond is the one whose acknowledgement was cut off.
    assert [int(n) for n in stored[: len(acknowledged)]] == acknowledged
    assert len(stored) <= len(acknowledged) + 1


def test_a_second_process_gets_a_clear_refusal(home: Path, run_app: Callable[..., App]) -> None:
    first = run_app(home)
    dsn = first.dsn()
    refusal = run_app(home).says()
    assert refusal.startswith(f"refused: {home} is in use by another WhisperEngine (process {first.process.pid}).")
    assert "WHISPERENGINE_HOME" in refusal
    assert query(dsn, "select 42") == "42"


def test_a_pid_file_with_the_number_of_somebody_else_harms_nobody(home: Path, postgres: EmbeddedPostgres) -> None:
    query(postgres.start(PATIENCE), *REMEMBER)
    pid_file = home / "postgres" / "data" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    server = postmaster(home)
    server.kill()
    wait_until(lambda: not postgres.alive)
    with subprocess.Popen(["sleep", "600"]) as bystander:
        try:
            pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
            (home / "postgres" / "run" / f"{embedded.SOCKET}.lock").write_text(f"{bystander.pid}\n")
            assert query(postgres.start(PATIENCE), "select n from t") == "42"
            postgres.stop()
            assert bystander.poll() is None
        finally:
            bystander.kill()


@pytest.mark.parametrize("name", ["long", "spaces, a comma + 100% 'ünïcödé'"])
async def test_any_name_of_the_home_will_do(new_home: Path, name: str) -> None:
    if name == "long":
        name = "x" * (150 - len(str(new_home)) - 1)
    home = new_home / name
    postgres = EmbeddedPostgres(home, settings=FAST)
    dsn = await asyncio.to_thread(postgres.start, PATIENCE)
    try:
        connection = await asyncpg.connect(dsn)
        folder = await connection.fetchval("show data_directory")
        await connection.close()
        assert folder == str(home / "postgres" / "data")
        assert query(dsn, "select 42") == "42"
        sockets = (home / "postgres" / "run").resolve()
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    finally:
        await asyncio.to_thread(postgres.stop)
    assert not sockets.exists()


def test_a_socket_folder_that_a_killed_run_left_elsewhere_is_cleared_away(
    new_home: Path, run_app: Callable[..., App]
) -> None:
    home = new_home / ("x" * 120)
    app = run_app(home)
    app.dsn()
    left = (home / "postgres" / "run").resolve()
    app.kill_everything()
    assert (left / embedded.SOCKET).exists()
    postgres = EmbeddedPostgres(home, settings=FAST)
    postgres.start(PATIENCE)
    postgres.stop()
    assert not left.exists()


def test_ctrl_c_ends_both_cleanly(home: Path, run_app: Callable[..., App], postgres: EmbeddedPostgres) -> None:
    app = run_app(home)
    app.dsn()
    server = postmaster(home)
    os.killpg(app.process.pid, signal.SIGINT)
    assert app.says() == "stopped"
    assert app.process.wait(PATIENCE) == 0
    assert not server.is_running()
    assert query(postgres.start(PATIENCE), "select n from farewell") == "42"
    assert "database system was shut down at" in (home / "postgres" / "server.log").read_text().rsplit("starting", 1)[1]


if sys.platform == "linux":  # nothing else signals a process when its parent dies

    def test_a_killed_guard_takes_the_server_with_it(home: Path, postgres: EmbeddedPostgres) -> None:
        query(postgres.start(PATIENCE), *REMEMBER)
        server = postmaster(home)
        guard = server.parent()
        assert guard is not None
        guard.kill()
        server.wait(PATIENCE)
        assert query(postgres.start(PATIENCE), "select n from t") == "42"


def test_signals_to_all_processes_leave_the_end_to_the_app(home: Path, postgres: EmbeddedPostgres) -> None:
    dsn = postgres.start(PATIENCE)
    guard = postmaster(home).parent()
    assert guard is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        guard.send_signal(number)
    assert query(dsn, "select 42") == "42"
    assert guard.is_running()


def test_stop_ends_even_a_server_with_a_hanging_process(home: Path, postgres: EmbeddedPostgres) -> None:
    dsn = postgres.start(PATIENCE)
    query(dsn, *REMEMBER, "checkpoint")
    with subprocess.Popen([bin_dir() / "psql", "-X", "-q", dsn], stdin=subprocess.PIPE) as client:
        wait_until(lambda: query(dsn, "select count(*) from pg_stat_activity where application_name = 'psql'") == "2")
        hanging = query(
            dsn, "select pid from pg_stat_activity where application_name = 'psql' and pid <> pg_backend_pid()"
        )
        os.kill(int(hanging), signal.SIGSTOP)
        postgres.stop(timeout=1)
        client.kill()
    assert not psutil.pid_exists(int(hanging))
    assert query(postgres.start(PATIENCE), "select n from t") == "42"


def test_a_kill_while_the_cluster_is_made_leaves_nothing_half(new_home: Path, run_app: Callable[..., App]) -> None:
    for attempt in range(20):
        home = new_home.with_name(f"{new_home.name}-{attempt}")
        half, whole = home / "postgres" / "data.half", home / "postgres" / "data"
        app = run_app(home)
        wait_until(lambda half=half, whole=whole: (half / "PG_VERSION").exists() or whole.exists())
        app.process.kill()
        # On a busy machine the moment may have passed before it was looked for; then it is tried again elsewhere.
        if not whole.exists():
            break
    postgres = EmbeddedPostgres(home, settings=FAST)
    assert query(postgres.start(PATIENCE), "select 42") == "42"
    postgres.stop()
    assert not half.exists()


def test_a_folder_that_may_not_be_entered_is_named(new_home: Path) -> None:
    new_home.mkdir(mode=0)
    with pytest.raises(EmbeddedPostgresError, match="WHISPERENGINE_HOME") as refusal:
        EmbeddedPostgres(new_home).start(PATIENCE)
    assert str(new_home) in str(refusal.value)
    new_home.chmod(0o700)


def test_a_home_that_is_a_file_is_named(new_home: Path) -> None:
    new_home.touch()
    with pytest.raises(EmbeddedPostgresError, match="WHISPERENGINE_HOME") as refusal:
        EmbeddedPostgres(new_home / "below").start(PATIENCE)
    assert str(new_home) in str(refusal.value)


def test_a_setting_that_postgres_refuses_is_explained_and_leaves_the_home_free(
    home: Path, postgres: EmbeddedPostgres
) -> None:
    with pytest.raises(EmbeddedPostgresError, match=r"no_such_setting.*server\.log"):
        EmbeddedPostgres(home, settings=FAST | {"no_such_setting": "1"}).start(PATIENCE)
    assert not (home / "postgres" / "run").exists()
    assert query(postgres.start(PATIENCE), "select 42") == "42"


def test_a_cluster_of_another_major_version_is_left_alone(new_home: Path, new_postgres: EmbeddedPostgres) -> None:
    new_postgres.start(PATIENCE)
    new_postgres.stop()
    version = new_home / "postgres" / "data" / "PG_VERSION"
    version.write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match="made by PostgreSQL 17, this is 18"):
        new_postgres.start(PATIENCE)
    assert version.read_text() == "17\n"


def test_a_cluster_whose_user_has_another_number_here_is_taken_over(home: Path, postgres: EmbeddedPostgres) -> None:
    query(postgres.start(PATIENCE), *REMEMBER)
    postgres.stop()
    if os.geteuid() == 0:  # nobody else can give files away
        subprocess.run(["chown", "-R", "54321:54321", home / "postgres" / "data"], check=True)
    assert query(postgres.start(PATIENCE), "select n from t") == "42"


def test_a_file_system_without_inherited_locks_is_refused(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_lock.fcntl, "flock", fcntl.lockf)  # what network file systems make of it
    with pytest.raises(EmbeddedPostgresError, match="no locks that a database can rely on"):
        postgres.start(PATIENCE)


def test_a_log_that_has_grown_is_put_aside_at_start(home: Path, postgres: EmbeddedPostgres) -> None:
    postgres.start(PATIENCE)
    postgres.stop()
    log = home / "postgres" / "server.log"
    os.truncate(log, embedded.LONGEST_LOG + 1)
    postgres.start(PATIENCE)
    assert log.stat().st_size < 10_000
    assert (home / "postgres" / "server.log.1").stat().st_size == embedded.LONGEST_LOG + 1


def test_programs_that_only_root_can_reach_are_used_all_the_same(
    new_home: Path, new_postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = new_home.parent / "private"
    private.mkdir(mode=0o700)
    wheel = bin_dir().parents[1]
    for part in wheel.parent.glob(f"{wheel.name}*"):
        shutil.copytree(part, private / part.name, ignore=shutil.ignore_patterns("include", "pginstall"))
    monkeypatch.setattr(embedded, "bin_dir", lambda: private / wheel.name / "pginstall18" / "bin")
    dsn = new_postgres.start(PATIENCE)
    assert query(dsn, "create extension vector", "select '[1]'::vector") == "[1]"
    copied = postmaster(new_home).exe().startswith(str(new_home))
    assert copied == (os.geteuid() == 0)


def test_without_the_wheel_the_error_names_the_extra(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_programs, "WHEEL", "a-wheel-that-is-not-installed")
    with pytest.raises(EmbeddedPostgresError, match=r"pip install 'whisperengine\[embedded\]'"):
        postgres.start(PATIENCE)


def test_on_windows_the_error_names_the_ways_out() -> None:
    program = """
import pathlib, shutil, subprocess, sys, tempfile
sys.platform = "win32"
sys.modules["fcntl"] = sys.modules["pwd"] = None
from whisperengine.db.embedded import EmbeddedPostgres
try:
    EmbeddedPostgres(pathlib.Path("nowhere")).start()
except Exception as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    for way_out in ("WSL2", "Docker", "DATABASE_URL"):
        assert way_out in said
