"""How each contender is started, told and asked."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

from bench.peers import ceiling
from bench.peers.ceiling import Ceiling
from whisperengine import config as configuration
from whisperengine.db.embedded import EmbeddedPostgres
from whisperengine.db.postgres_programs import bin_dir
from whisperengine.inference import graph, models, safetensors
from whisperengine.inference.models import TOKENIZER, WEIGHTS

HERE = Path(__file__).parent

Tell = Callable[[str, str], Awaitable[object]]
Ask = Callable[[str, str], Awaitable[list[str]]]


@dataclass
class Contender:
    """`begin` starts it with the stub's URL and says how to tell and to ask; `folder` holds all that it keeps."""

    begin: Callable[[Contender, AsyncExitStack, str], Awaitable[tuple[Tell, Ask]]]
    folder: Path
    started: list[psutil.Process] = field(default_factory=list)

    async def start(self, stack: AsyncExitStack, stub: str) -> tuple[Tell, Ask]:
        self.folder.mkdir()
        self.folder.chmod(0o711)
        return await self.begin(self, stack, stub)

    def processes(self) -> list[psutil.Process]:
        return [each for process in self.started for each in (process, *process.children(recursive=True))]

    def disk(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def contenders(python: str, model: Path, folder: Path) -> dict[str, Contender]:
    def mem0(kind: str, how: str) -> Callable[[Contender, AsyncExitStack, str], Awaitable[tuple[Tell, Ask]]]:
        async def begin(contender: Contender, stack: AsyncExitStack, stub: str) -> tuple[Tell, Ask]:
            where = str(contender.folder / "qdrant")
            if kind == "pgvector":
                where = await postgres(contender, stack)
            command = (str(HERE / "mem0_peer.py"), stub, str(model), kind, where, how)
            environ = {**os.environ, "PEER_FOLDER": str(contender.folder / "mem0")}
            peer = await _process(contender, stack, python, *command, env=environ)
            return await lines(peer)

        return begin

    async def baseline(contender: Contender, stack: AsyncExitStack, stub: str) -> tuple[Tell, Ask]:
        dsn = (await postgres(contender, stack)).replace("postgresql://", "postgresql+asyncpg://")
        peer = await _process(contender, stack, python, str(HERE / "baseline.py"), stub, str(model), dsn)
        url = (await peer.stdout.readline()).decode().strip()
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def tell(person: str, text: str) -> None:
            await _json(session.post(url + "/chat", json={"user_id": person, "message": text}))

        async def ask(person: str, text: str) -> list[str]:
            return await _json(session.get(url + "/search", params={"user_id": person, "query": text}))

        return tell, ask

    async def raw(contender: Contender, stack: AsyncExitStack, stub: str) -> tuple[Tell, Ask]:
        opened = await Ceiling.open(stack, await postgres(contender, stack), stub)
        return opened.tell, opened.ask

    return {
        "whisperengine": Contender(whisperengine, folder / "whisperengine"),
        ceiling.NAME: Contender(raw, folder / "raw"),
        "mem0 (qdrant)": Contender(mem0("qdrant", "infer"), folder / "mem0-qdrant"),
        "mem0 (pgvector)": Contender(mem0("pgvector", "infer"), folder / "mem0-pgvector"),
        "mem0 (pgvector, no extraction)": Contender(mem0("pgvector", "verbatim"), folder / "mem0-verbatim"),
        "fastapi baseline": Contender(baseline, folder / "baseline"),
    }


async def whisperengine(contender: Contender, stack: AsyncExitStack, stub: str) -> tuple[Tell, Ask]:
    environ = {
        **os.environ,
        "WHISPERENGINE_HOME": str(contender.folder),
        "MODEL_CACHE_DIR": str(configuration.load().models_dir),
        "HEALTH_CHECK_PORT": "0",
        "LLM_CHAT_API_URL": stub + "/v1",
        "LLM_CHAT_MODEL": "stub",
        "DOTENV_PATH": os.devnull,
    }
    peer = await _process(contender, stack, sys.executable, "-m", "whisperengine", "serve", env=environ)
    while b"Ready at " not in (said := await peer.stdout.readline()):
        if not said:
            raise SystemExit("the service did not start")
    url = said.decode().split("Ready at ")[1].split()[0]
    session = await stack.enter_async_context(aiohttp.ClientSession())

    async def tell(person: str, text: str) -> None:
        await _json(session.post(url + "/api/chat", json={"user_id": person, "message": text}))

    async def ask(person: str, text: str) -> list[str]:
        found = await _json(session.get(f"{url}/api/users/{person}/memories", params={"q": text, "limit": 10}))
        return [memory["content"] for memory in found["memories"]]

    return tell, ask


async def postgres(contender: Contender, stack: AsyncExitStack) -> str:
    """PostgreSQL 18 with pgvector, with the settings that the service's own has; its URL."""
    server = EmbeddedPostgres(contender.folder)
    dsn = await asyncio.to_thread(server.start)
    stack.push_async_callback(asyncio.to_thread, server.stop)
    pids = contender.folder.rglob("postmaster.pid")
    contender.started.append(psutil.Process(int(next(iter(pids)).read_text().split()[0])))
    return dsn


async def lines(peer: asyncio.subprocess.Process) -> tuple[Tell, Ask]:
    """Tells and asks a process that answers each line of JSON with one."""

    async def send(do: str, person: str, text: str) -> list[str]:
        peer.stdin.write(json.dumps({"do": do, "person": person, "text": text}).encode() + b"\n")
        return json.loads(await peer.stdout.readline())

    assert json.loads(await peer.stdout.readline()) == "ready"
    return (lambda person, text: send("tell", person, text)), (lambda person, text: send("ask", person, text))


def model_folder(folder: Path) -> Path:
    """The weights as fastembed reads them."""
    files = models.ensure(configuration.load(), print)
    folder.mkdir()
    for path in (files.tokenizer, files.tokenizer.parent / WEIGHTS):
        shutil.copyfile(path, folder / path.name)
    published = safetensors.load(folder / WEIGHTS)
    (folder / "model.onnx").write_bytes(graph.build(published, None, WEIGHTS))
    (folder / "config.json").write_text('{"pad_token_id": 0}')
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 256, "pad_token": "[PAD]"}')
    (folder / "special_tokens_map.json").write_text("{}")
    # PostgreSQL's stop words are Snowball's, as are NLTK's, which fastembed has.
    shutil.copyfile(next(bin_dir().parent.rglob("english.stop")), folder / "english.txt")
    assert (folder / TOKENIZER).exists()
    return folder


async def _process(contender: Contender, stack: AsyncExitStack, *command: str, **options) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    peer = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, limit=1 << 24, **options)
    contender.started.append(psutil.Process(peer.pid))

    async def end() -> None:
        if peer.returncode is None:
            peer.terminate()
            await peer.wait()

    stack.push_async_callback(end)
    return peer


async def _json(request) -> object:
    async with request as response:
        if response.status != 200:
            raise SystemExit(f"{response.status} {await response.text()}")
        return await response.json()
