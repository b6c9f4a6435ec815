import json

import pytest

from whisperengine.errors import RequestError
from whisperengine.memory.transcripts import batches, read


def chatgpt(folder):
    def node(parent, role, *parts, at=None):
        message = {
            "author": {"role": role},
            "create_time": at,
            "content": {"content_type": "text", "parts": list(parts)},
        }
        return {"parent": parent, "message": message}

    talk = {
        "conversation_id": "c1",
        "title": "Cats",
        "create_time": 1_700_000_000,
        "current_node": "d",
        "mapping": {
            "root": {"parent": None, "message": None},
            "a": node("root", "user", "I have a cat.", at=1_700_000_000),
            "thrown-away": node("a", "assistant", "Dogs are better.", at=1_700_000_001),
            "c": node("a", "assistant", "What is it called?", at=1_700_000_002),
            "tool": node("c", "tool", "noise"),
            "d": node("tool", "user", "Mio", {"image": 1}, at=1_700_000_003),
        },
    }
    path = folder / "conversations.json"
    path.write_text(json.dumps([talk, {"mapping": {}}]))
    return path


def test_of_a_chatgpt_talk_the_branch_that_was_shown_last_is_read_in_order(tmp_path):
    (transcript,) = read(chatgpt(tmp_path))
    assert transcript.title == "Cats"
    assert [(said.by_person, said.content) for said in transcript.said] == [
        (True, "I have a cat."),
        (False, "What is it called?"),
        (True, "Mio"),
    ]
    assert [said.said_at for said in transcript.said] == sorted(said.said_at for said in transcript.said)


def test_the_same_file_gives_the_same_keys_so_that_it_adds_nothing_twice(tmp_path):
    path = chatgpt(tmp_path)
    assert [said.key for said in read(path)[0].said] == [said.key for said in read(path)[0].said]
    assert len({said.key for said in read(path)[0].said}) == 3


def test_a_sillytavern_chat_is_read_with_its_header_its_dates_and_without_system_lines(tmp_path):
    rows = [
        {"user_name": "Sam", "character_name": "Mira"},
        {"name": "Sam", "is_user": True, "mes": "Hello", "send_date": "June 3, 2024 9:05pm"},
        {"name": "System", "is_system": True, "mes": "note"},
        {"name": "Mira", "is_user": False, "mes": "Welcome", "send_date": 1_717_448_800_000},
        {"name": "Sam", "is_user": True, "mes": "Good night", "send_date": "gibberish"},
    ]
    path = tmp_path / "chat.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    (transcript,) = read(path)
    assert [(said.by_person, said.content) for said in transcript.said] == [
        (True, "Hello"),
        (False, "Welcome"),
        (True, "Good night"),
    ]
    assert transcript.said[0].said_at.isoformat() == "2024-06-03T21:05:00+00:00"


def test_a_text_file_is_a_fact_on_each_line(tmp_path):
    path = tmp_path / "memories.txt"
    path.write_text("- Likes tea\n\n* Lives in Porto\n")
    assert read(path)[0].facts == ("Likes tea", "Lives in Porto")


def test_batches_keep_the_order(tmp_path):
    (transcript,) = read(chatgpt(tmp_path))
    assert [len(batch) for batch in batches(transcript, 2)] == [2, 1]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", "{"),
        ("x.json", '{"a": 1}'),
        ("x.json", "[1]"),
        ("x.jsonl", "{}\n{"),
        ("x.jsonl", "{}"),
        ("x.json", "\xff"),
    ],
)
def test_a_file_that_is_none_of_these_is_refused_with_its_name(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(RequestError, match=name):
        read(path)
