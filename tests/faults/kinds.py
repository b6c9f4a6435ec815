"""What goes wrong. Each fault ends by itself; what the service makes of it is judged afterwards."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import psutil

from tests.faults.model import WRONG
from tests.faults.world import World
from tests.support.line import Line

FILES_LEFT = 2


@dataclass(frozen=True)
class Kind:
    """`where` names the worlds in which it can happen, `within` the seconds in which everybody is served again, counted
    from its end; `share` is how often it comes beside the others.
    """

    happen: Callable[[World], Awaitable[str]]
    where: tuple[str, ...]
    within: float
    share: int = 2


BOTH = ("apart", "own")
KINDS: dict[str, Kind] = {}


def kind(where: tuple[str, ...], within: float, share: int = 2) -> Callable[..., Callable[[World], Awaitable[str]]]:
    def note(happen: Callable[[World], Awaitable[str]]) -> Callable[[World], Awaitable[str]]:
        KINDS[happen.__name__.replace("_", "-")] = Kind(happen, where, within, share)
        return happen

    return note


def _line(world: World) -> Line:
    assert world.database is not None
    return world.database


async def _cut(world: World, line: Line) -> str:
    seconds = world.random.uniform(0.3, 2.0)
    await line.cut()
    await asyncio.sleep(seconds)
    await line.mend()
    return f"refused for {seconds:.1f} s"


async def _freeze(world: World, line: Line, most: float) -> str:
    seconds = world.random.uniform(0.5, most)
    line.freeze()
    await asyncio.sleep(seconds)
    line.thaw()
    return f"frozen for {seconds:.1f} s"


async def _slow(world: World, line: Line) -> str:
    line.delay = world.random.uniform(0.02, 0.3)
    said = f"{line.delay * 1000:.0f} ms on each piece"
    await asyncio.sleep(1.5)
    line.delay = 0.0
    return said


async def _chop(world: World, line: Line) -> str:
    line.piece = world.random.choice((1, 3, 17))
    line.break_all()
    said = f"{line.piece} bytes at once"
    await asyncio.sleep(1.0)
    line.piece = 65_536
    line.break_all()
    return said


async def _garble(world: World, line: Line) -> str:
    line.garbled = world.random.randint(1, 6)
    said = f"{line.garbled} answers"
    until = time.monotonic() + 2.0
    while line.garbled and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    line.garbled = 0
    return said


@kind(("apart",), 30)
async def database_cut(world: World) -> str:
    return await _cut(world, _line(world))


@kind(("apart",), 30)
async def database_broken(world: World) -> str:
    _line(world).break_all()
    return "every connection reset"


@kind(("apart",), 30)
async def database_frozen(world: World) -> str:
    return await _freeze(world, _line(world), 3.0)


@kind(("apart",), 30)
async def database_slow(world: World) -> str:
    return await _slow(world, _line(world))


@kind(("apart",), 30)
async def database_chopped(world: World) -> str:
    return await _chop(world, _line(world))


@kind(("apart",), 60, share=0)
async def database_garbled(world: World) -> str:
    return await _garble(world, _line(world))


@kind(("apart",), 60, share=0)
async def database_forgotten(world: World) -> str:
    """Rare: it takes as long as the service waits for a statement."""
    _line(world).lose_all()
    return "what was open is open for ever, and mute"


@kind(BOTH, 45)
async def model_cut(world: World) -> str:
    return await _cut(world, world.model_line)


@kind(BOTH, 45)
async def model_broken(world: World) -> str:
    world.model_line.break_all()
    return "every connection reset"


@kind(BOTH, 45)
async def model_frozen(world: World) -> str:
    return await _freeze(world, world.model_line, 3.0)


@kind(BOTH, 45)
async def model_slow(world: World) -> str:
    return await _slow(world, world.model_line)


@kind(BOTH, 45)
async def model_chopped(world: World) -> str:
    return await _chop(world, world.model_line)


@kind(BOTH, 45)
async def model_garbled(world: World) -> str:
    return await _garble(world, world.model_line)


@kind(BOTH, 60, share=30)
async def model_wrong(world: World) -> str:
    """One of all ways, for one request or for so many that the endpoint is left alone for a while."""
    name = world.random.choice(sorted(WRONG))
    times = world.random.choice((1, 1, 1, 2, 2, 6))
    if name == "words without end":
        times = 1
    world.model.errors.extend(WRONG[name]() for _ in range(times))
    until = time.monotonic() + 20
    while world.model.errors and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    world.model.errors.clear()
    return f"{name}, {times} times"


@kind(BOTH, 60, share=4)
async def service_killed(world: World) -> str:
    await world.service.kill()
    await world.start_again()
    return "kill -9, started again"


@kind(BOTH, 60, share=2)
async def service_ended(world: World) -> str:
    code = await world.service.stop()
    await world.start_again()
    return f"SIGTERM, exit code {code}, started again"


@kind(BOTH, 60)
async def service_stopped(world: World) -> str:
    seconds = world.random.uniform(0.5, 3.0)
    process = world.service.process
    assert process
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(seconds)
    process.send_signal(signal.SIGCONT)
    return f"no time on the processor for {seconds:.1f} s"


@kind(BOTH, 90, share=4)
async def postmaster_killed(world: World) -> str:
    pid = world.postmaster
    os.kill(pid, signal.SIGKILL)
    if world.postgres is None:
        return "kill -9; nobody starts it but the service"
    await world.start_postgres()
    return "kill -9, started again"


@kind(BOTH, 90)
async def everything_killed(world: World) -> str:
    os.kill(world.postmaster, signal.SIGKILL)
    await world.service.kill()
    if world.postgres is not None:
        await world.start_postgres()
    await world.start_again()
    return "kill -9 of service and database, started again"


@kind(BOTH, 90, share=3)
async def backend_killed(world: World) -> str:
    pids = world.backends()
    if not pids:
        return "there was none"
    os.kill(world.random.choice(sorted(pids)), signal.SIGKILL)
    return "kill -9 of one process of PostgreSQL: it ends all connections and recovers"


@kind(BOTH, 45)
async def connections_ended(world: World) -> str:
    connection = await asyncpg.connect(world.dsn)
    ended = await connection.fetchval(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity "
        "where pid <> pg_backend_pid() and backend_type = 'client backend'"
    )
    await connection.close()
    return f"{ended} ended by the database"


@kind(BOTH, 45)
async def files_used_up(world: World) -> str:
    """Nearly no file or connection more than the service has open."""
    assert world.service.process
    pid = world.service.process.pid
    _, most = limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (psutil.Process(pid).num_fds() + FILES_LEFT, most))
    world.model_line.break_all()
    if world.database:
        world.database.break_all()
    await asyncio.sleep(world.random.uniform(1.0, 2.5))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    return "too many open files"


@kind(("own",), 120, share=3)
async def disk_full(world: World) -> str:
    seconds = world.random.uniform(1.0, 4.0)
    ballast = world.home / "ballast"
    await asyncio.to_thread(_fill, ballast)
    await asyncio.sleep(seconds)
    ballast.unlink()
    return f"not a byte left for {seconds:.1f} s"


def _fill(path: os.PathLike[str]) -> None:
    with open(path, "wb", buffering=0) as ballast:
        for size in (1 << 20, 4096):
            try:
                while ballast.write(bytes(size)):
                    continue
            except OSError:
                continue


@kind(BOTH, 45)
async def listeners_gone(world: World) -> str:
    leaving = [person for person in world.people if world.random.random() < 0.5]
    await asyncio.gather(*(person.hang_up(world.session, world.url) for person in leaving))
    return f"{len(leaving)} hung up in the middle of an answer"
