"""All bots of a process: opens them, shares their shards with the other processes, and closes them in order."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import aiohttp
import asyncpg

from whisperengine.discord.bot import Bot
from whisperengine.discord.context import Context, Options
from whisperengine.discord.gateway import Shard
from whisperengine.discord.heart import Heart
from whisperengine.discord.leases import LEASE, RENEW, Lease, Leases
from whisperengine.discord.ledger import Ledger
from whisperengine.discord.pace import Backoff, Timing
from whisperengine.discord.places import Places
from whisperengine.discord.problems import DiscordStopped
from whisperengine.discord.rest import Rest
from whisperengine.discord.transport import client_session
from whisperengine.errors import StorageError, WhisperEngineError

log = logging.getLogger(__name__)

RESTART = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One bot user of the developer portal and how it behaves."""

    token: str = field(repr=False)
    options: Options


class Service:
    """`run` keeps every bot connected until `stop`. A bot that Discord refuses stands still with its problem; the
    others go on.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        dsn: str,
        heart: Heart,
        accounts: Sequence[Account],
        *,
        api_base: str,
        timing: Timing | None = None,
        lease: float = LEASE,
        renew: float = RENEW,
        alone: bool = False,
    ) -> None:
        """`alone`: no other process can be on this database, so that nobody's lease is waited for."""
        self._pool = pool
        self._dsn = dsn
        self._heart = heart
        self._wanted = accounts
        self._api_base = api_base
        self._timing = timing or Timing()
        self._lease = lease
        self._renew = renew
        self._alone = alone
        self._leases = Leases(pool, dsn, lease=lease)
        self._runners: list[_Runner] = []
        self._stop = asyncio.Event()
        self._changed = asyncio.Event()
        self._changed.set()
        self._processes = 1

    def stop(self) -> None:
        self._stop.set()

    def change(self, accounts: Sequence[Account]) -> None:
        """Run these bots from now on: new tokens start and missing ones stop soon, the others behave as their options
        say at once.
        """
        self._wanted = accounts
        self._changed.set()
        wanted = {account.token: account for account in accounts}
        for runner in self._runners:
            if account := wanted.get(runner.token):
                runner.change(account)

    def state(self) -> list[dict[str, Any]]:
        """For /status, one entry per bot: name, character, status, problem, servers, and its shards in this process."""
        return [runner.state() for runner in self._runners]

    async def run(self) -> None:
        async with client_session() as http:
            try:
                await self._share(http)
            finally:
                await self._close()

    async def _share(self, http: aiohttp.ClientSession) -> None:
        renewed = time.monotonic()
        if self._alone:
            try:
                await self._leases.take_over()
            except StorageError as error:
                log.warning("discord.service: leases of a process that died end by themselves: %s", error)
        while not self._stop.is_set():
            if self._changed.is_set():
                self._changed.clear()
                await self._follow(http)
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._renew * 0.4):
                    ours = await self._leases.renew()
                    self._processes = await self._leases.processes()
                renewed = began
                await self._adjust(ours)
            except (StorageError, TimeoutError) as error:
                log.warning("discord.service: leases cannot be renewed: %s", error or type(error).__name__)
                if time.monotonic() + self._renew >= renewed + self._lease:
                    # Before the next attempt our leases end, and somebody who reaches the database runs our shards.
                    await self._give_up()
            await self._pause(self._renew)

    async def _follow(self, http: aiohttp.ClientSession) -> None:
        """Start, stop and change bots as `change` said."""
        wanted = {account.token: account for account in self._wanted}
        gone = [runner for runner in self._runners if runner.token not in wanted]
        self._runners = [runner for runner in self._runners if runner.token in wanted]
        for runner in self._runners:
            runner.change(wanted.pop(runner.token))
        await asyncio.gather(*(runner.close(resumable=False) for runner in gone))
        try:
            await self._release(gone)
        except StorageError as error:
            log.warning("discord.service: the leases were not given back and end by themselves: %s", error)
        for account in wanted.values():
            runner = _Runner(
                self._pool, self._dsn, self._heart, account, http, self._api_base, self._timing, self._leases
            )
            runner.opening = asyncio.create_task(runner.open())
            self._runners.append(runner)

    async def _release(self, runners: Sequence[_Runner]) -> None:
        for runner in runners:
            for shard in range(runner.count):
                await self._leases.release(runner.bot_id, shard)

    async def _pause(self, seconds: float) -> None:
        """Ends early when the service stops or changes, or a bot is open and wants its shards."""
        waiting = [asyncio.create_task(self._stop.wait()), asyncio.create_task(self._changed.wait())]
        waiting += [asyncio.create_task(runner.opened.wait()) for runner in self._runners if not runner.noticed]
        try:
            await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    async def _adjust(self, ours: set[tuple[int, int]]) -> None:
        """Stop what is no longer ours, and come near an even share of all shards."""
        for runner in self._runners:
            runner.noticed = runner.opened.is_set()
            for shard in [shard for shard in runner.shards if (runner.bot_id, shard) not in ours]:
                log.warning("discord.service: shard %d of %s is run by another process now", shard, runner.name)
                await runner.drop(shard, resumable=True)
        running = [runner for runner in self._runners if runner.opened.is_set() and not runner.problem]
        share = math.ceil(sum(runner.count for runner in running) / self._processes)
        held = sum(len(runner.shards) for runner in running)
        for runner in running:
            while held > share and runner.shards:
                shard = max(runner.shards)
                await runner.drop(shard, resumable=True)
                await self._leases.release(runner.bot_id, shard)
                held -= 1
            if held < share:
                for lease in await self._leases.take(runner.bot_id, share - held):
                    runner.start(lease)
                    held += 1

    async def _give_up(self) -> None:
        held = [(runner, shard) for runner in self._runners for shard in runner.shards]
        await asyncio.gather(*(runner.drop(shard, resumable=True) for runner, shard in held))

    async def _close(self) -> None:
        # With other processes alive the session goes on there; alone, the bot should be shown offline at once.
        resumable = self._processes > 1
        await asyncio.gather(*(runner.close(resumable=resumable) for runner in self._runners))
        try:
            await self._release(self._runners)
            await self._leases.leave()
        except StorageError as error:
            log.warning("discord.service: the leases were not given back and end by themselves: %s", error)


class _Runner:
    """One bot and its shards in this process."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        dsn: str,
        heart: Heart,
        account: Account,
        http: aiohttp.ClientSession,
        api_base: str,
        timing: Timing,
        leases: Leases,
    ) -> None:
        self._pool = pool
        self._dsn = dsn
        self._heart = heart
        self._account = account
        self._http = http
        self._api_base = api_base
        self._timing = timing
        self._leases = leases
        self._rest = Rest(http, api_base, account.token)
        self._gates: dict[int, asyncio.Lock] = {}
        self._refreshing: asyncio.Task[None] | None = None
        self.opening: asyncio.Task[None] | None = None
        self.token = account.token
        self.application = ""
        self.bot: Bot | None = None
        self.bot_id = 0
        self.count = 0
        self.problem = ""
        self.trouble = ""
        self.name = account.options.character
        self.shards: dict[int, tuple[Shard, asyncio.Task[None]]] = {}
        self.opened = asyncio.Event()
        self.noticed = False

    async def open(self) -> None:
        """Find out who we are and how many shards there are; tried until it works or Discord refuses the token."""
        backoff = Backoff(self._timing.backoff_base, self._timing.backoff_cap)
        backoff.next()
        while True:
            try:
                await self._open()
            except DiscordStopped as error:
                log.error("discord.service: %s: %s", self.name, error)
                self.problem = str(error)
                return
            except WhisperEngineError as error:
                log.warning("discord.service: %s is not open yet: %s", self.name, error)
                self.trouble = str(error)
                await asyncio.sleep(backoff.next())
            else:
                self.trouble = ""
                self.opened.set()
                return

    async def _open(self) -> None:
        identity = await self._rest.me()
        application = await self._rest.application()
        info = await self._rest.gateway()
        self.bot_id, self.application = int(identity["id"]), str(application["id"])
        context = Context(
            self._rest,
            self._heart,
            Ledger(self._pool, self._dsn, self.bot_id),
            Places(self._pool, self._dsn, self.bot_id),
            self._account.options,
            identity=identity,
            application=self.application,
        )
        await context.refresh()
        self.count = await self._leases.declare(self.bot_id, info.shards)
        self.bot, self.name = Bot(context, self._http, self._api_base), context.name
        self._refreshing = asyncio.create_task(context.refresh_often(self._timing.refresh))

    def change(self, account: Account) -> None:
        """The same bot with other options."""
        self._account = account
        if self.bot:
            self.bot.context.change(account.options)

    def start(self, lease: Lease) -> None:
        bot = self.bot
        if bot is None:
            return
        shard = Shard(
            self._http,
            self._account.token,
            info=self._rest.gateway,
            sink=bot.take,
            keeper=self._leases.keeper(self.bot_id),
            shard=lease.shard,
            count=lease.count,
            session=lease.session,
            presence=bot.context.presence,
            timing=self._timing,
            gates=self._gates,
        )
        task = asyncio.create_task(shard.run())
        task.add_done_callback(partial(self._ended, lease, shard))
        bot.context.shards[lease.shard] = shard
        self.shards[lease.shard] = (shard, task)

    def _ended(self, lease: Lease, shard: Shard, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, DiscordStopped):
            # A fault of ours: the bot should outlive it, and the log should not fill with it.
            log.error("discord.service: shard %d of %s failed and starts again", lease.shard, self.name, exc_info=error)
            again = Lease(lease.shard, lease.count, shard.session)
            asyncio.get_running_loop().call_later(RESTART, self._restart, again)
            return
        # One refusal holds for every shard of the bot. A restart, after somebody mended it, begins anew.
        self.problem = str(error)
        log.error("discord.service: %s stands still: %s", self.name, error)
        for other, _ in self.shards.values():
            other.stop()

    def _restart(self, lease: Lease) -> None:
        if lease.shard in self.shards and not self.problem:
            self.start(lease)

    async def drop(self, shard: int, *, resumable: bool) -> None:
        """Stop one shard here."""
        running, task = self.shards.pop(shard)
        running.stop(resumable=resumable)
        await asyncio.gather(task, return_exceptions=True)
        if self.bot:
            self.bot.context.shards.pop(shard, None)

    async def close(self, *, resumable: bool) -> None:
        for task in (self.opening, self._refreshing):
            if task:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await asyncio.gather(*(self.drop(shard, resumable=resumable) for shard in list(self.shards)))
        if self.bot:
            await self.bot.close()

    def state(self) -> dict[str, Any]:
        context = self.bot.context if self.bot else None
        guilds = context.guilds if context else None
        shards = [
            {**asdict(shard.state), "servers": guilds.of_shard(number, self.count) if guilds else 0}
            for number, (shard, _) in self.shards.items()
        ]
        if self.problem:
            status = "stopped"
        elif shards and all(shard["status"] == "ready" for shard in shards):
            status = "ready"
        else:
            status = "starting" if not self.opened.is_set() else "connecting" if shards else "standby"
        return {
            "name": self.name,
            "id": str(self.bot_id) if self.bot_id else "",
            "application": self.application,
            "character": self._account.options.character,
            "status": status,
            "problem": self.problem
            or self.trouble
            or next((shard["problem"] for shard in shards if shard["problem"]), ""),
            "servers": len(context.guilds) if context else 0,
            "waiting": context.queues.length if context else 0,
            "dropped": context.queues.dropped if context else 0,
            "problems": dict(context.problems) if context else {},
            "shards": shards,
        }
