"""LoCoMo (snap-research/LoCoMo, CC BY-NC 4.0: evaluate with it only): dated talks of two people, questions, evidence
turns.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open", 4: "single-hop"}
CUTS = (5, 10, 20)
_EVIDENCE = re.compile(r"D:?(\d+):0*(\d+)")


@dataclass(frozen=True)
class Turn:
    name: str
    said_at: datetime
    speaker: str
    text: str


@dataclass(frozen=True)
class Question:
    text: str
    category: int
    evidence: frozenset[int]
    answer: str


@dataclass(frozen=True)
class Conversation:
    name: str
    speakers: tuple[str, str]
    turns: list[Turn]
    questions: list[Question]


def load(path: Path) -> list[Conversation]:
    """Conversations with the questions of categories 1-4 that have evidence; evidence as indexes into `turns`."""
    return [_conversation(entry) for entry in json.loads(path.read_text())]


def _conversation(entry: dict) -> Conversation:
    talk = entry["conversation"]
    turns: list[Turn] = []
    for number in sorted(int(key.split("_")[1]) for key in talk if re.fullmatch(r"session_\d+", key)):
        began = datetime.strptime(talk[f"session_{number}_date_time"], "%I:%M %p on %d %B, %Y").replace(tzinfo=UTC)
        for position, turn in enumerate(talk[f"session_{number}"]):
            picture = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
            said_at = began + timedelta(seconds=20 * position)
            turns.append(Turn(turn["dia_id"], said_at, turn["speaker"], turn["text"] + picture))
    index = {turn.name: position for position, turn in enumerate(turns)}
    questions = []
    for asked in entry["qa"]:
        names = {f"D{a}:{b}" for text in asked.get("evidence", []) for a, b in _EVIDENCE.findall(text)}
        evidence = frozenset(index[name] for name in names if name in index)
        if evidence and asked["category"] in CATEGORIES:
            questions.append(Question(asked["question"], asked["category"], evidence, str(asked["answer"])))
    return Conversation(entry["sample_id"], (talk["speaker_a"], talk["speaker_b"]), turns, questions)


@dataclass
class Scores:
    """Means over questions, in percent: recall at each cut, nDCG@10, MRR."""

    rows: list[tuple[float, ...]]

    @classmethod
    def of(cls, results: Sequence[tuple[Sequence[int], frozenset[int]]]) -> Scores:
        return cls([_score(ranked, evidence) for ranked, evidence in results])

    @property
    def means(self) -> tuple[float, ...]:
        return tuple(100 * sum(column) / len(self.rows) for column in zip(*self.rows, strict=True))

    def line(self) -> str:
        return " ".join(f"{value:6.1f}" for value in self.means)


HEADING = "   R@5   R@10   R@20 nDCG10    MRR"


def _score(ranked: Sequence[int], evidence: frozenset[int]) -> tuple[float, ...]:
    ranks = [rank for rank, turn in enumerate(ranked) if turn in evidence]
    recalls = [sum(rank < cut for rank in ranks) / len(evidence) for cut in CUTS]
    gain = sum(1 / math.log2(rank + 2) for rank in ranks if rank < 10)
    ideal = sum(1 / math.log2(rank + 2) for rank in range(min(10, len(evidence))))
    return (*recalls, gain / ideal, 1 / (ranks[0] + 1) if ranks else 0.0)
