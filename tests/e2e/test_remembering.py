"""A conversation with a real process on embedded PostgreSQL, which is killed and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import aiohttp

from tests.support.service import Client, Process

FACTS = {
    "My sister's name is Penelope.": ("What is the name of my sister?", "Penelope"),
    "I am allergic to peanuts.": ("What am I allergic to?", "peanuts"),
    "I grew up in Ljubljana.": ("Where did I grow up?", "Ljubljana"),
    "My cat is called Schrödinger.": ("What is my cat called?", "Schrödinger"),
    "I work as a bridge engineer.": ("What is my job, what do I work as?", "bridge engineer"),
    "My birthday is on the 14th of March.": ("When is my birthday?", "14th of March"),
    "I play the cello on Thursdays.": ("Which instrument do I play?", "cello"),
    "My favourite dish is mushroom risotto.": ("What is my favourite dish?", "risotto"),
    "I drive an old green Volvo.": ("What car do I drive?", "Volvo"),
    "We are moving to Porto next spring.": ("Where are we moving to next spring?", "Porto"),
}
SMALL_TALK = (
    "The weather is {} today.",
    "I had {} cups of tea this morning.",
    "Tell me something nice about day {}.",
    "I read chapter {} of that long novel.",
    "Bus number {} was late again.",
)


async def test_ten_facts_are_recalled_after_two_hundred_turns_and_kill_nine_of_everything(
    processes: Callable[..., Process], home: Path
):
    service = processes()
    await service.start()
    async with aiohttp.ClientSession() as session:
        client = Client(session, service.url)
        for fact in FACTS:
            await client.say(fact, metadata_level="basic")
        for number in range(200):
            await client.say(SMALL_TALK[number % 5].format(number), metadata_level="basic")
        postmaster = int((home / "postgres/data/postmaster.pid").read_text().split()[0])
        await service.kill()
        await (
            await asyncio.create_subprocess_exec("kill", "-9", str(postmaster), stderr=asyncio.subprocess.DEVNULL)
        ).wait()

        await service.start()
        for fact, (question, answer) in FACTS.items():
            body = await client.say(question, metadata_level="extended")
            recalled = [memory["content"] for memory in body["metadata"]["vector_memory"]["memories"]]
            assert fact in recalled, (question, recalled)
            assert answer in body["response"], (question, body["response"])
    assert await service.stop() == 0


async def test_ctrl_c_stops_the_service_and_its_database_cleanly(processes: Callable[..., Process], home: Path):
    service = processes()
    await service.start()
    async with aiohttp.ClientSession() as session:
        await Client(session, service.url).say("Hello")
    assert await service.interrupt() == 0
    assert not (home / "postgres/data/postmaster.pid").exists()
    assert "Traceback" not in service.log()


async def test_a_port_in_use_is_reported_in_one_sentence(processes: Callable[..., Process], home: Path):
    service = processes()
    other = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", service.port)
    async with other:
        process = await asyncio.create_subprocess_exec(
            *service.command, env=service.environ, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        _, error = await process.communicate()
    assert process.returncode == 2
    assert f"Port {service.port}" in error.decode()
    assert "Traceback" not in error.decode()


async def test_nothing_that_was_said_stands_in_the_log(processes: Callable[..., Process], home: Path):
    service = processes(LOG_LEVEL="debug")
    await service.start()
    async with aiohttp.ClientSession() as session:
        await Client(session, service.url).say("My secret word is xylophonist")
    await service.stop()
    assert "xylophonist" not in service.log()
    assert "xylophonist" not in (home / "postgres/server.log").read_text()
