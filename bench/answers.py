"""Answers to LoCoMo's questions by a language model from what the product recalls, graded by a judge model.

    BENCH_LLM_URL=http://127.0.0.1:1234/v1 BENCH_LLM_MODEL=name BENCH_LLM_KEY=key \\
        python bench/answers.py ../data/locomo/dev.json --results answers.jsonl

BENCH_LLM_URL is the base of an OpenAI-compatible endpoint. The judge is the same model unless BENCH_JUDGE_URL,
BENCH_JUDGE_MODEL or BENCH_JUDGE_KEY say otherwise. The prompts are bench/prompts/*.txt. Each question's result is a
line of the file of results; the same command goes on where it was interrupted, and asks nothing twice.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from bench.locomo import CATEGORIES, Conversation, Question, load
from bench.recall import Store, opened, own_database, tell, understood, with_data
from whisperengine.db.ids import new_id
from whisperengine.errors import (
    LLMBadAnswer,
    LLMContentFiltered,
    LLMContextTooLong,
    LLMError,
    LLMTimeout,
    WhisperEngineError,
)
from whisperengine.llm.client import LLMClient
from whisperengine.llm.endpoint import Endpoint
from whisperengine.memory.messages import Place
from whisperengine.memory.recall import Memory, recall

PROMPTS = Path(__file__).parent / "prompts"
# What may go wrong with one question; with any other error the endpoint answers none of them.
OF_ONE_QUESTION = (LLMBadAnswer, LLMContentFiltered, LLMContextTooLong, LLMTimeout)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, required=True, help="JSON lines; what stands there is not asked again")
    parser.add_argument("--memories", type=int, default=20, help="how many memories the model is given (20)")
    parser.add_argument("--at-once", type=int, default=4, help="how many questions are under way at a time (4)")
    parser.add_argument("--questions", type=int, help="only the first so many of each conversation")
    args = with_data(parser)
    model, judge = endpoints(os.environ)
    conversations = load(args.data)
    try:
        examination = Examination(model, judge, args.results, args.memories, args.at_once)
        async with own_database() as (config, dsn), opened(config, dsn) as store:
            await examination.hold(store, conversations, args.questions)
    except WhisperEngineError as error:
        raise SystemExit(str(error)) from error
    examination.report()
    if examination.trouble:
        raise SystemExit(examination.trouble)


def endpoints(environ: Mapping[str, str]) -> tuple[Endpoint, Endpoint]:
    """The model that answers and the one that judges. Raises SystemExit where none is named."""
    url, model = environ.get("BENCH_LLM_URL", ""), environ.get("BENCH_LLM_MODEL", "")
    if not url or not model:
        raise SystemExit(
            "No language model is configured. Set BENCH_LLM_URL (the base of an OpenAI-compatible endpoint, such as "
            "http://127.0.0.1:1234/v1), BENCH_LLM_MODEL and, where it wants one, BENCH_LLM_KEY."
        )
    key = environ.get("BENCH_LLM_KEY", "")
    judge_url = environ.get("BENCH_JUDGE_URL") or url
    # A key is never sent to an address that it was not given for.
    judge_key = environ.get("BENCH_JUDGE_KEY") or (key if judge_url == url else "")
    asked = {"temperature": 0.0, "max_tokens": None, "timeout": 180.0, "idle_timeout": 60.0}
    return (
        Endpoint(url, model, key, **asked),
        Endpoint(judge_url, environ.get("BENCH_JUDGE_MODEL") or model, judge_key, **asked),
    )


@dataclass
class Examination:
    """Results so far, in memory and in the file, and what stood in the way of more."""

    model: Endpoint
    judge: Endpoint
    results: Path
    memories: int = 20
    at_once: int = 4
    rows: list[dict[str, Any]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stopped: LLMError | None = None

    def __post_init__(self) -> None:
        """Raises SystemExit where the file holds results that cannot be counted together with these."""
        self.prompts = {path.stem: path.read_text("utf-8") for path in sorted(PROMPTS.glob("*.txt"))}
        self.settings = {
            "model": self.model.model,
            "judge": self.judge.model,
            "memories": self.memories,
            "prompts": hashlib.sha256(json.dumps(self.prompts).encode()).hexdigest()[:12],
        }
        if not self.results.exists():
            return
        text = self.results.read_text("utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:  # a run was killed in the middle of a line
            self.results.write_text(whole, "utf-8")
        self.rows = [json.loads(line) for line in whole.splitlines()]
        for row in self.rows:
            for name, value in self.settings.items():
                if row[name] != value:
                    raise SystemExit(
                        f"{self.results} holds results with {name} {row[name]!r}, and this run has {value!r}. "
                        "Name another file with --results."
                    )

    @property
    def trouble(self) -> str:
        """Why not every question has a result, and what to do; empty where each has one."""
        if self.stopped:
            return (
                f"{self.stopped} (Here LLM_CHAT_API_* is BENCH_LLM_* or BENCH_JUDGE_*.)\n"
                "Ended early; what was answered is kept. The same command goes on from there."
            )
        if self.failed:
            return f"{len(self.failed)} questions have no result. The same command asks them again."
        return ""

    async def hold(self, store: Store, conversations: Sequence[Conversation], first: int | None = None) -> None:
        """Ask what has no result yet: of each conversation all questions, or the `first` so many.

        An endpoint that answers none ends it early (`stopped`); one question that goes wrong is noted (`failed`).
        """
        known = {(row["conversation"], row["number"]) for row in self.rows}
        slots = asyncio.Semaphore(self.at_once)
        async with LLMClient() as client:
            for conversation in conversations:
                numbered = list(enumerate(conversation.questions))[:first]
                left = [each for each in numbered if (conversation.name, each[0]) not in known]
                if not left or self.stopped:
                    continue
                print(f"{conversation.name}: {len(left)} questions", file=sys.stderr)
                place, index = await tell(store, conversation)
                async with asyncio.TaskGroup() as tasks:
                    for number, question in left:
                        candidate = Candidate(store, client, conversation, place, index, number, question)
                        tasks.create_task(self._examine(candidate, slots))

    async def _examine(self, candidate: Candidate, slots: asyncio.Semaphore) -> None:
        async with slots:
            if self.stopped:
                return
            try:
                row = self.settings | await candidate.result(self)
            except OF_ONE_QUESTION as error:
                name = f"{candidate.conversation.name}, question {candidate.number}"
                print(f"{name}: {error}", file=sys.stderr)
                self.failed.append(name)
                return
            except LLMError as error:
                self.stopped = error
                return
            self.rows.append(row)
            with self.results.open("a", encoding="utf-8") as out:
                out.write(json.dumps(row, ensure_ascii=False) + "\n")

    def report(self) -> None:
        print(f"{'':12} {'n':>5} {'correct':>8}")
        chosen = {"all": self.rows}
        for number, name in CATEGORIES.items():
            chosen[name] = [row for row in self.rows if row["category"] == number]
        for name, rows in chosen.items():
            if rows:
                print(f"{name:12} {len(rows):5} {percent(rows):7.1f}%")
        print(json.dumps({"bench": "answers", **self.settings, "n": len(self.rows), "correct": percent(self.rows)}))


@dataclass(frozen=True)
class Candidate:
    """One question, the conversation that it is about, and where that is stored."""

    store: Store
    client: LLMClient
    conversation: Conversation
    place: Place
    index: dict[int, int]
    number: int
    question: Question

    async def result(self, run: Examination) -> dict[str, Any]:
        """Recalled, answered, judged. Raises LLMError."""
        store, turns = self.store, self.conversation.turns
        asked, embedding = await understood(store, self.conversation, self.question.text)
        found = await recall(
            store.pool, self.place, asked, embedding, store.model_id, before=new_id(), limit=run.memories
        )
        first, second = self.conversation.speakers
        answer = await self._ask(
            run.model,
            run.prompts["answer"].format(
                first=first, second=second, memories=self._lines(found.memories), question=self.question.text
            ),
        )
        verdict = await self._ask(
            run.judge,
            run.prompts["judge"].format(question=self.question.text, gold=self.question.answer, answer=answer),
        )
        return {
            "conversation": self.conversation.name,
            "number": self.number,
            "category": self.question.category,
            "question": self.question.text,
            "gold": self.question.answer,
            "answer": answer,
            "correct": graded(verdict),
            "verdict": verdict,
            "evidence": [turns[position].name for position in sorted(self.question.evidence)],
            "recalled": [turns[self.index[memory.message_id]].name for memory in found.memories],
        }

    def _lines(self, memories: Sequence[Memory]) -> str:
        first, second = self.conversation.speakers
        return "\n".join(
            f"[{memory.said_at:%A, %d %B %Y, %H:%M}] {first if memory.by_person else second}: {memory.content}"
            for memory in sorted(memories, key=lambda memory: (memory.said_at, memory.message_id))
        )

    async def _ask(self, endpoint: Endpoint, prompt: str) -> str:
        async with self.client.complete(endpoint, [{"role": "user", "content": prompt}]) as answer:
            async for _ in answer:
                pass
        return answer.completion.text


def graded(verdict: str) -> bool:
    """The last grade that the judge wrote. Raises LLMBadAnswer where it wrote none."""
    grades = re.findall(r"\b(CORRECT|WRONG)\b", verdict)
    if not grades:
        raise LLMBadAnswer("The judge wrote neither CORRECT nor WRONG. Ask again, or name another BENCH_JUDGE_MODEL.")
    return grades[-1] == "CORRECT"


def percent(rows: Sequence[Mapping[str, Any]]) -> float:
    return round(100 * sum(row["correct"] for row in rows) / len(rows), 2) if rows else 0.0


if __name__ == "__main__":
    asyncio.run(main())
