"""One shard: a state machine that keeps itself connected, whatever Discord and the network do.

Handlers never run here: the sink takes an event and returns.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import aiohttp

from whisperengine.discord.inflate import MAX_PAYLOAD
from whisperengine.discord.keeper import Keeper
from whisperengine.discord.link import END_SESSION, IDENTIFY, KEEP_SESSION, RESUME, Hooks, Link
from whisperengine.discord.pace import STORM_CONNECTS, Backoff, SlidingLog, Timing, identify_pause
from whisperengine.discord.problems import WITHOUT_CONTENT, DiscordError, DiscordStopped, closed_for_good
from whisperengine.discord.rest import GatewayInfo
from whisperengine.discord.seen import Progress
from whisperengine.discord.session import CLOSE_CODES, Course, Ending, How, Next, Session, gateway_address
from whisperengine.discord.transport import USER_AGENT
from whisperengine.errors import WhisperEngineError

log = logging.getLogger(__name__)

MESSAGE_CONTENT = 1 << 15
# Servers, messages and reactions in servers and in direct messages, and the text of messages.
INTENTS = 1 << 0 | 1 << 9 | 1 << 10 | 1 << 12 | 1 << 13 | MESSAGE_CONTENT
DISALLOWED_INTENTS = 4014
SENT_TOO_MUCH = 4008

T = TypeVar("T")


@dataclass(slots=True)
class Event:
    """A dispatch. Whoever deals with it later than in the sink calls `hold()` there, and `release()` once its effects
    are stored.
    """

    type: str
    data: dict[str, Any]
    seq: int | None
    progress: Progress

    def hold(self) -> None:
        if self.seq is not None:
            self.progress.hold(self.seq)

    def release(self) -> None:
        if self.seq is not None:
            self.progress.release(self.seq)


@dataclass(slots=True)
class ShardState:
    """For people. `since` is Unix time, `latency` the seconds of a heartbeat's round trip."""

    shard: int
    count: int
    status: str = "starting"
    since: float = 0.0
    latency: float | None = None
    connects: int = 0
    resumes: int = 0
    identifies: int = 0
    events: int = 0
    problem: str = ""


class Shard:
    """Keeps one shard connected until `stop()`, or until Discord refuses it for good: `run` then raises DiscordStopped.

    `gates` are shared by the shards of one bot in one process, which then IDENTIFY one by one. `http` comes from
    `rest.client_session`; `info` fetches `/gateway/bot`; `sink` takes every dispatch and must not
    block; `session` is what an earlier
    process left behind.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        token: str,
        *,
        info: Callable[[], Coroutine[Any, Any, GatewayInfo]],
        sink: Callable[[Event], None],
        keeper: Keeper,
        shard: int = 0,
        count: int = 1,
        session: Session | None = None,
        intents: int = INTENTS,
        presence: Callable[[], dict[str, Any] | None] = lambda: None,
        timing: Timing | None = None,
        gates: dict[int, asyncio.Lock] | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._http = http
        self._token = token
        self._info = info
        self._sink = sink
        self._keeper = keeper
        self._intents = intents
        self._presence = presence
        self._timing = timing or Timing()
        self._chance = chance
        self._course = Course(session)
        self._saved = session
        self._progress = Progress(session.seq if session else None)
        self._main: GatewayInfo | None = None
        self._link: Link | None = None
        self._gates = {} if gates is None else gates
        self._gate: asyncio.Lock | None = None
        self._stop: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._least_pause = 0.0
        self._ready_at = 0.0
        self.ready = asyncio.Event()
        self.state = ShardState(shard, count)

    @property
    def session(self) -> Session | None:
        """What could be resumed now."""
        return self._course.session

    @property
    def reads_content(self) -> bool:
        """False once Discord refused the privileged intent, so that most messages come without their text."""
        return bool(self._intents & MESSAGE_CONTENT)

    async def run(self) -> None:
        """Connect, and connect again, until stopped."""
        backoff = Backoff(self._timing.backoff_base, self._timing.backoff_cap, self._chance)
        storm = SlidingLog(STORM_CONNECTS, self._timing.storm_window)
        saving = asyncio.create_task(self._save_often())
        pause = 0.0
        try:
            while not self._stop.done():
                self._show("waiting" if pause > 1 else "connecting")
                await self._sleep(max(pause, self._least_pause, storm.delay(time.monotonic())))
                try:
                    if await self._may_connect():
                        storm.record(time.monotonic())
                        if await self._connect() >= self._timing.healthy:
                            backoff.reset()
                finally:
                    self._let_next_identify()
                pause = backoff.next()
        except DiscordStopped as error:
            self._show("stopped", str(error))
            raise
        finally:
            saving.cancel()
            await asyncio.gather(saving, return_exceptions=True)
            if self._stop.done() and self._stop.result() == END_SESSION:
                self._course.forget()
            await self._save()
            if self.state.status != "stopped":
                self._show("stopped")

    def stop(self, *, resumable: bool = False) -> None:
        """End `run`. A resumable stop leaves the session to the next process; otherwise the bot is shown offline at
        once.
        """
        if not self._stop.done():
            self._stop.set_result(KEEP_SESSION if resumable else END_SESSION)

    async def send(self, op: int, data: Any) -> None:
        """Send a payload under the limit of the connection. Raises DiscordError when there is none or the payload is
        too large.
        """
        if self._link is None:
            raise DiscordError("The gateway is not connected. Try again when the bot is ready.")
        await self._link.send(op, data)

    def ask_for_content(self) -> None:
        """Begin a session that reads messages: the switch that was off when Discord refused that is on now."""
        if not self.reads_content:
            self._intents |= MESSAGE_CONTENT
            self._course.forget()
            if self._link:
                self._link.leave()

    def presence_changed(self) -> None:
        """Have the presence asked for and sent again, soon. A new session sends it anyway."""
        if self._link:
            self._link.presence_changed()

    async def _may_connect(self) -> bool:
        """Have what the next connection needs: an address, and for an IDENTIFY the leave of the guard."""
        try:
            if self._course.next is Next.IDENTIFY:
                await self._wait_to_identify()
            elif self._main is None and self._course.resume_url is None:
                self._main = await self._unless_stopped(self._info())
        except DiscordStopped:
            raise
        except WhisperEngineError as error:
            log.warning("discord.gateway: shard %d cannot connect yet: %s", self.state.shard, error)
            self._show("waiting", str(error))
            return False
        return not self._stop.done()

    async def _wait_to_identify(self) -> None:
        self._main = await self._unless_stopped(self._info()) or self._main
        if self._main is None:
            return
        # One shard of a bucket after the other: a connection that waits for its turn is one that Discord may close.
        gate = self._gates.setdefault(self._bucket, asyncio.Lock())
        if await self._unless_stopped(gate.acquire()):
            self._gate = gate
        past = await self._keeper.identified(self._bucket)
        pause = max(past.wait, identify_pause(self._main.limit, past.used, past.since_last))
        if pause > 60:
            text = (
                f"Discord allows {self._main.limit.total} new sessions a day; the next starts in {pause / 60:.0f} min."
            )
            log.warning("discord.gateway: shard %d: %s", self.state.shard, text)
            self._show("waiting", text)
        await self._sleep(pause)

    def _let_next_identify(self) -> None:
        if self._gate:
            self._gate.release()
            self._gate = None

    @property
    def _bucket(self) -> int:
        return self.state.shard % (self._main.limit.max_concurrency if self._main else 1)

    async def _connect(self) -> float:
        """One connection from start to end; returns the seconds for which it was ready."""
        self._course.connecting()
        self._least_pause = 0.0
        self.state.connects += 1
        resume_url = self._course.resume_url
        address = gateway_address(resume_url or (self._main.url if self._main else ""))
        began = time.monotonic()
        socket = None
        try:
            async with asyncio.timeout(self._timing.connect):
                socket = await self._unless_stopped(self._open(address))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("discord.gateway: shard %d: no connection (%s)", self.state.shard, type(error).__name__)
        ending, lasted = Ending(How.UNREACHABLE), 0.0
        if socket is not None:
            self._link = Link(socket, self._hooks(), self._timing, self._chance)
            try:
                left = self._timing.connect - (time.monotonic() - began)
                ending = await self._link.run(self._stop, max(0.0, left))
            finally:
                lasted = time.monotonic() - self._ready_at if self.ready.is_set() else 0.0
                self._link = None
                self.ready.clear()
        if ending.how is How.UNREACHABLE and resume_url is None:
            # Gateway addresses change; the cached one may be gone.
            self._main = None
        if not self._stop.done():
            self._learn(ending)
        return lasted

    async def _open(self, address: str) -> aiohttp.ClientWebSocketResponse:
        # Without autoclose the answer to a close frame is left to the link, the only one to close. aiohttp's own
        # carries
        # 1000, which from a client means the end of the session.
        return await self._http.ws_connect(
            address, max_msg_size=MAX_PAYLOAD, autoclose=False, headers={"User-Agent": USER_AGENT}
        )

    def _learn(self, ending: Ending) -> None:
        known = CLOSE_CODES.get(ending.code or 0)
        log.info("discord.gateway: shard %d: %s%s", self.state.shard, ending, f": {known[1]}" if known else "")
        self.state.problem = str(ending)
        following = self._course.ended(ending)
        if following is Next.STOP:
            if ending.code != DISALLOWED_INTENTS or not self.reads_content:
                raise DiscordStopped(closed_for_good(ending.code or 0))
            self._intents &= ~MESSAGE_CONTENT
            log.warning("discord.gateway: %s", WITHOUT_CONTENT)
        elif ending.how is How.INVALID and not ending.resumable:
            low, high = self._timing.invalid_low, self._timing.invalid_high
            self._least_pause = low + self._chance() * (high - low)
        elif ending.code == SENT_TOO_MUCH:
            self._least_pause = self._timing.sent_too_much

    def _hooks(self) -> Hooks:
        return Hooks(
            greeted=self._course.greeted,
            opening=self._opening,
            dispatch=self._dispatch,
            sequence=lambda: self._course.session.seq if self._course.session else None,
            presence=self._presence,
            latency=self._note_latency,
        )

    def _note_latency(self, seconds: float) -> None:
        self.state.latency = seconds

    async def _opening(self) -> tuple[int, dict[str, Any]]:
        if session := self._course.session:
            self.state.resumes += 1
            return RESUME, {"token": self._token, "session_id": session.id, "seq": session.seq}
        try:
            await asyncio.sleep(await self._keeper.reserve_identify(self._bucket, self._timing.identify_gap))
            await self._keeper.count_identify(self._bucket)
        except WhisperEngineError as error:
            raise DiscordError(str(error)) from error
        self._let_next_identify()
        self.state.identifies += 1
        identify: dict[str, Any] = {
            "token": self._token,
            "intents": self._intents,
            "properties": {"os": sys.platform, "browser": "whisperengine", "device": "whisperengine"},
            "shard": [self.state.shard, self.state.count],
        }
        if presence := self._presence():
            identify["presence"] = presence
        return IDENTIFY, identify

    def _dispatch(self, name: str, data: Any, seq: int | None) -> bool:
        """Pass an event on; True when it says that the session stands."""
        self.state.events += 1
        stands = False
        if name == "READY":
            stands = self._begin(data, seq)
        elif name == "RESUMED":
            self._course.resumed()
            stands = True
        if seq is not None:
            self._course.dispatched(seq)
            self._progress.received(seq)
        if stands:
            self._ready_at = time.monotonic()
            self.ready.set()
            self._show("ready", "" if self.reads_content else WITHOUT_CONTENT)
        if isinstance(data, dict):
            try:
                self._sink(Event(name, data, seq, self._progress))
            except Exception:
                # One odd event must not end the bot. The event itself is not logged: it may be a person's words.
                log.exception("discord.gateway: event %s could not be taken and is dropped", name[:40])
        return stands

    def _begin(self, data: Any, seq: int | None) -> bool:
        known = data if isinstance(data, dict) else {}
        session_id, resume_url = known.get("session_id"), known.get("resume_gateway_url")
        if not isinstance(session_id, str) or not isinstance(resume_url, str):
            log.warning("discord.gateway: shard %d: READY without a session is ignored", self.state.shard)
            return False
        self._course.ready(session_id, resume_url, seq)
        # Numbers start anew with a session; what is still held belongs to the old one.
        self._progress = Progress(seq)
        return True

    async def _save_often(self) -> None:
        while True:
            await asyncio.sleep(self._timing.save_every)
            await self._save()

    async def _save(self) -> None:
        session = self._course.session
        if session:
            session = replace(session, seq=self._progress.mark or 0)
        if session == self._saved:
            return
        try:
            await self._keeper.save(self.state.shard, session)
            self._saved = session
        except WhisperEngineError as error:
            log.warning("discord.gateway: the session of shard %d is not saved: %s", self.state.shard, error)

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.wait({self._stop}, timeout=seconds)

    async def _unless_stopped(self, work: Coroutine[Any, Any, T]) -> T | None:
        """The result of `work`, or None when `stop` came first."""
        task = asyncio.create_task(work)
        try:
            await asyncio.wait({task, self._stop}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _show(self, status: str, problem: str | None = None) -> None:
        if status != self.state.status:
            self.state.status, self.state.since = status, time.time()
        if problem is not None:
            self.state.problem = problem
