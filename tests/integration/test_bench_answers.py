"""The recall benchmark with a model in the loop: made-up talks, a real PostgreSQL and encoder, the model stub."""

import json

import pytest

from bench.answers import Examination, endpoints, graded
from bench.locomo import load
from bench.recall import opened
from tests.support.llm_stub import error_body, refuses, says
from tests.support.service import test_config
from whisperengine.errors import LLMBadAnswer

TALKS = {
    "pets": [
        ("My cat Biscuit broke her leg yesterday.", "Oh no! I hope that she is well soon."),
        ("I start as a baker on Monday.", "Congratulations! I have just joined a choir in Leeds."),
    ],
    "travel": [("I flew to Lisbon last week.", "Lovely. I am saving for a canoe.")],
}
QUESTIONS = {
    "pets": [
        {"question": "What is Ann's cat called?", "answer": "Biscuit", "evidence": ["D1:1"], "category": 4},
        {"question": "When did Ann's cat break her leg?", "answer": "7 May 2023", "evidence": ["D1:1"], "category": 2},
    ],
    "travel": [
        {"question": "Which city did Ann fly to?", "answer": "Lisbon", "evidence": ["D1:1"], "category": 4},
        {"question": "What is Bob saving for?", "answer": 1, "evidence": ["D1:2"], "category": 1},
        {"question": "What did Bob sell?", "evidence": ["D1:2"], "category": 5},
    ],
}
KNOWN = {"called": "Biscuit", "break": "on 7 May 2023", "fly": "Lisbon", "saving": "a canoe"}


@pytest.fixture
def conversations(tmp_path):
    """The two talks as LoCoMo writes them."""
    entries = []
    for name, sessions in TALKS.items():
        talk: dict = {"speaker_a": "Ann", "speaker_b": "Bob"}
        for number, (ann, bob) in enumerate(sessions, 1):
            talk[f"session_{number}_date_time"] = f"1:56 pm on {7 + number} May, 2023"
            said = enumerate((("Ann", ann), ("Bob", bob)), 1)
            talk[f"session_{number}"] = [
                {"speaker": speaker, "dia_id": f"D{number}:{turn}", "text": text} for turn, (speaker, text) in said
            ]
        entries.append({"sample_id": name, "conversation": talk, "qa": QUESTIONS[name]})
    path = tmp_path / "talks.json"
    path.write_text(json.dumps(entries))
    return load(path)


async def knows_and_judges(request, body):
    """Answers by the question's verb; as a judge it is content where the expected answer is in the given one."""
    lines = body["messages"][-1]["content"].splitlines()
    told = dict(line.split(": ", 1) for line in lines if ": " in line)
    if "Expected answer" in told:
        right = told["Expected answer"] in told["Answer to grade"]
        return await says(f"They {'agree' if right else 'differ'}.\n{'CORRECT' if right else 'WRONG'}")(request, body)
    return await says(next(text for verb, text in KNOWN.items() if verb in told["Question"]))(request, body)


def examination(llm_stub, tmp_path, **environ):
    environ = {"BENCH_LLM_URL": llm_stub.url, "BENCH_LLM_MODEL": "answerer", "BENCH_JUDGE_MODEL": "judge", **environ}
    return Examination(*endpoints(environ), tmp_path / "answers.jsonl", at_once=1)


def prompts(llm_stub, model):
    return [each.body["messages"][0]["content"] for each in llm_stub.completions if each.body["model"] == model]


async def test_each_question_is_answered_from_dated_memories_and_judged(
    database, conversations, llm_stub, tmp_path, capsys
):
    llm_stub.will(knows_and_judges)
    run = examination(llm_stub, tmp_path)
    async with opened(test_config(), database) as store:
        await run.hold(store, conversations)
    run.report()
    assert not run.trouble
    rows = [json.loads(line) for line in (tmp_path / "answers.jsonl").read_text().splitlines()]
    assert [(row["conversation"], row["number"], row["answer"], row["correct"]) for row in rows] == [
        ("pets", 0, "Biscuit", True),
        ("pets", 1, "on 7 May 2023", True),
        ("travel", 0, "Lisbon", True),
        ("travel", 1, "a canoe", False),
    ]
    assert all(set(row["evidence"]) <= set(row["recalled"]) for row in rows)
    first = prompts(llm_stub, "answerer")[0]
    assert "[Monday, 08 May 2023, 13:56] Ann: My cat Biscuit broke her leg yesterday." in first
    assert "Lisbon" not in first
    assert "Expected answer: 7 May 2023" in prompts(llm_stub, "judge")[1]
    printed = capsys.readouterr().out
    assert [line.split() for line in printed.splitlines()[:-1]] == [
        ["n", "correct"],
        ["all", "4", "75.0%"],
        ["multi-hop", "1", "0.0%"],
        ["temporal", "1", "100.0%"],
        ["single-hop", "2", "100.0%"],
    ]
    assert json.loads(printed.splitlines()[-1])["correct"] == 75.0


async def test_a_run_that_was_broken_off_goes_on_where_it_was(database, conversations, llm_stub, tmp_path):
    refused = refuses(401, error_body("Incorrect API key provided.", "invalid_api_key"))
    # A whole question, one that the judge does not grade, one that meets an endpoint which refuses everything.
    llm_stub.will(knows_and_judges, knows_and_judges, knows_and_judges, says("Hm."), refused)
    broken = examination(llm_stub, tmp_path)
    async with opened(test_config(), database) as store:
        await broken.hold(store, conversations)
        assert len(broken.rows) == len(broken.failed) == 1
        assert broken.stopped
        assert "The same command goes on" in broken.trouble
        assert len(llm_stub.completions) == 5

        results = tmp_path / "answers.jsonl"
        whole = results.read_text()
        results.write_text(whole + '{"model": "answ')
        await store.pool.execute("delete from messages")
        llm_stub.will(knows_and_judges)
        again = examination(llm_stub, tmp_path)
        await again.hold(store, conversations)
    assert not again.trouble
    assert results.read_text().startswith(whole)
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [(row["conversation"], row["number"]) for row in rows] == [
        ("pets", 0),
        ("pets", 1),
        ("travel", 0),
        ("travel", 1),
    ]
    assert len(llm_stub.completions) == 5 + 2 * 3
    with pytest.raises(SystemExit, match="model 'answerer', and this run has 'another'"):
        examination(llm_stub, tmp_path, BENCH_LLM_MODEL="another")


def test_what_is_not_configured_is_named_and_a_key_stays_with_its_address():
    with pytest.raises(SystemExit, match="Set BENCH_LLM_URL"):
        endpoints({})
    mine = {"BENCH_LLM_URL": "http://one.example/v1", "BENCH_LLM_MODEL": "a", "BENCH_LLM_KEY": "secret"}
    model, judge = endpoints(mine)
    assert model == judge
    _, other = endpoints(mine | {"BENCH_JUDGE_URL": "http://two.example/v1"})
    assert (other.url, other.model, other.api_key) == ("http://two.example/v1", "a", "")


def test_the_last_grade_counts_and_none_is_an_error():
    assert graded("It is not WRONG at all.\nCORRECT")
    assert not graded("Not CORRECT.\n**WRONG**")
    with pytest.raises(LLMBadAnswer, match="BENCH_JUDGE_MODEL"):
        graded("INCORRECT")
