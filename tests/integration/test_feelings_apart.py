"""Fifty people talk at once, each in a mood of their own; nobody's feeling shows in anybody else's."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.service import Client

MOODS = {
    "joy": [
        "I got the job and I am so happy!",
        "We danced all night, what a joy!",
        "Today is the best day of my life!",
    ],
    "anger": ["I am furious with my boss.", "He lied to me again and I hate it.", "This makes me so angry!"],
    "sadness": ["My dog died this morning.", "I cried all night, I miss him so much.", "I feel so sad and alone."],
    "fear": ["I am terrified of the surgery.", "I am so scared of what they will find.", "I am afraid of dying."],
    "neutral": ["The bus leaves at nine.", "The table is made of wood.", "The report has twelve pages."],
}
PEOPLE = 50


async def test_fifty_people_at_once_keep_their_feelings_to_themselves(offline: Client):
    moods = [list(MOODS)[number % len(MOODS)] for number in range(PEOPLE)]

    async def person(number: int) -> list[dict[str, Any]]:
        said = []
        for text in MOODS[moods[number]]:
            answer = await offline.say(text, f"person-{number}")
            said.append(answer["metadata"]["ai_components"])
        return said

    for mood, said in zip(moods, await asyncio.gather(*map(person, range(PEOPLE))), strict=True):
        assert [each["emotion_data"]["primary_emotion"] for each in said] == [mood] * 3
        assert said[-1]["emotional_trajectory_data"]["user_trajectory"] == [mood] * 3
        assert [each["relationship_state"]["interaction_count"] for each in said] == [1, 2, 3]
