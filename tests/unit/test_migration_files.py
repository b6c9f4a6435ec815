from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisperengine.db.migration_files import concurrent_index, load_migrations, split_statements
from whisperengine.db.migration_status import DRIFT, NEWER, Applied, compare
from whisperengine.db.url import check_url
from whisperengine.errors import ConfigurationError, MigrationError

FILE = Path("0001_x.sql")
INDEX = "-- migrate: no-transaction\ncreate index concurrently if not exists i on t (a);"


def write(folder: Path, **files: str) -> Path:
    for name, sql in files.items():
        (folder / f"{name}.sql").write_text(sql, "utf-8")
    return folder


def texts(sql: str) -> list[str]:
    return [statement.text for statement in split_statements(sql, FILE)]


def test_files_are_read_in_order_with_number_name_and_hash(tmp_path: Path) -> None:
    folder = write(tmp_path, **{"0002_more_things": "select 2", "0001_init": "select 1", "schema": "not a migration"})
    first, second = load_migrations(folder)
    assert (first.version, first.name, first.label, first.sql) == (1, "init", "0001_init", "select 1")
    assert (second.version, second.name, second.transactional, second.breaking) == (2, "more_things", True, False)
    assert second.sha256 == hashlib.sha256(b"select 2").digest()


def test_line_ends_of_another_system_do_not_change_the_hash(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_bytes(b"select 1;\nselect 2;\n")
    (tmp_path / "0002_b.sql").write_bytes(b"select 1;\r\nselect 2;\r\n")
    unix, windows = load_migrations(tmp_path)
    assert unix.sha256 == windows.sha256
    assert unix.sql == windows.sql


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["0001_a", "0003_c"], "0002 is missing before 0003_c.sql"),
        (["0002_b"], "0001 is missing before 0002_b.sql"),
        (["0000_zero"], "0001 is missing before 0000_zero.sql"),
        (["0001_a", "0001_b"], "0001_a.sql and 0001_b.sql have the same number"),
        (["1_a"], "1_a.sql is not named like"),
        (["0001_a", "0002-b"], "0002-b.sql is not named like"),
        (["0001_A"], "0001_A.sql is not named like"),
        ([], "holds no NNNN_name.sql"),
    ],
)
def test_a_gap_a_duplicate_or_a_bad_name_is_refused(tmp_path: Path, names: list[str], complaint: str) -> None:
    write(tmp_path, **dict.fromkeys(names, "select 1"))
    with pytest.raises(MigrationError, match=complaint):
        load_migrations(tmp_path)


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("-- nothing but a comment\n;;", r"0001_x\.sql holds no statement"),
        ("select 1;\nselect 'it;\n", r":2: the quote ' never ends"),
        ("select $body$ x $$ y", r":1: the quote \$body\$ never ends"),
        ("/* a /* b */ select 1", r":1: the comment /\* never ends"),
        ("create table t (a int);\ncommit;", r":2: COMMIT is not for migrations"),
        ("begin;\nselect 1;\nend;", r":1: BEGIN is not for migrations"),
        ("\n\nCOPY t FROM\n stdin;", r":3: COPY FROM STDIN has no input"),
        ("-- migrate: no-transactions\nselect 1", r":1: unknown directive 'no-transactions'"),
        ("select 1;\n-- migrate: breaking\n", r":2: directives stand before the first statement"),
        (INDEX + "\nselect 1;", r":3: a `no-transaction` file holds exactly one statement"),
        (INDEX.replace("if not exists ", ""), r":2: without a transaction the file must be able to run twice"),
    ],
)
def test_a_file_that_could_not_be_one_step_is_refused(tmp_path: Path, sql: str, complaint: str) -> None:
    write(tmp_path, **{"0001_x": sql})
    with pytest.raises(MigrationError, match=complaint):
        load_migrations(tmp_path)


def test_a_file_that_is_not_text_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "0001_x.sql").write_bytes(b"select '\xff'")
    with pytest.raises(MigrationError, match=r"0001_x\.sql cannot be read"):
        load_migrations(tmp_path)
    with pytest.raises(MigrationError, match="cannot be read"):
        load_migrations(tmp_path / "absent")


def test_directives_are_read_from_the_first_lines(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"0001_x": "-- What it is for.\n-- migrate: breaking\n\n" + INDEX, "0002_y": "select '-- migrate: x'"},
    )
    first, second = load_migrations(tmp_path)
    assert (first.transactional, first.breaking) == (False, True)
    assert (second.transactional, second.breaking) == (True, False)


def test_the_name_of_an_index_built_concurrently_is_found() -> None:
    def name(sql: str) -> str | None:
        return concurrent_index(split_statements(sql, FILE)[0])

    assert name("CREATE UNIQUE INDEX CONCURRENTLY\n IF NOT EXISTS by_name ON t (a)") == "by_name"
    assert name('create index concurrently if not exists "By" on t (a)') == '"By"'
    assert name("create index if not exists by_name on t (a)") is None
    assert name("vacuum t") is None


@pytest.mark.parametrize(
    "statement",
    [
        "select ';', \";\", 'it''s; fine', e'it\\'s; fine', U&'\\0441;'",
        "select $$ ; ' -- $$, $a1$ $$ ; $a1$, $ü$;$ü$",
        "select a$b from t as c$b",
        "select 1 -- not the end; really\n + 1",
        "select 1 /* one; /* two; */ three; */ + 1",
        "create rule r as on update to t do (delete from a; delete from b)",
        "create function f() returns int language plpgsql as $$ begin return 1; end $$",
        "create or replace function f(a int) returns int begin atomic select 1; select case when a > 1 then 2 end; end",
        "create procedure p() language sql begin atomic insert into t values (1); insert into t values (2); end",
        "select case when true then 1 end",
    ],
)
def test_a_semicolon_inside_a_statement_does_not_end_it(statement: str) -> None:
    assert texts(f"{statement};\n{statement};") == [statement, statement]


def test_comments_around_a_statement_are_not_part_of_it_and_its_line_is_known() -> None:
    found = split_statements("-- one\n\nselect 1; -- two\n/* three\n*/ select\n 2 -- four", FILE)
    assert [(statement.text, statement.line) for statement in found] == [("select 1", 3), ("select\n 2", 5)]


PIECES = st.lists(
    st.sampled_from(
        ["a", "1", "+", "\n", "';'", "''", '";"', "$$;$$", "$t$ ; $$ ; $t$", "/* ; */", "(a;b)", "e'\\';'"]
    ),
    max_size=6,
).map(" ".join)


@given(st.lists(PIECES, max_size=4))
def test_whatever_statements_hold_they_come_apart_where_they_were_joined(pieces: list[str]) -> None:
    statements = [f"select {piece} 0" for piece in pieces]
    assert texts(" ;\n".join(statements)) == statements


def row(version: int, name: str, sha256: bytes, breaking: bool = False) -> Applied:
    return Applied(version, name, sha256, datetime(2026, 1, 2, tzinfo=UTC), 5, "9.9.9", breaking)


def test_the_record_is_held_against_the_files(tmp_path: Path) -> None:
    write(tmp_path, **{"0001_a": "select 1", "0002_b": "select 2", "0003_c": "select 3"})
    a, b, c = files = load_migrations(tmp_path)

    fresh = compare(files, [])
    assert (fresh.version, fresh.pending, fresh.problem()) == (0, files, None)

    behind = compare(files, [row(1, "a", a.sha256), row(2, "b", b.sha256)])
    assert (behind.version, behind.pending, behind.problem()) == (2, [c], None)

    edited = compare(files, [row(1, "a", b"other")])
    problem = edited.problem()
    assert problem
    assert problem.code == DRIFT
    assert "0001_a was applied on 2026-01-02 from a file with other content" in str(problem)

    skipped = compare(files, [row(1, "a", a.sha256), row(3, "c", c.sha256)])
    problem = skipped.problem()
    assert problem
    assert (problem.code, skipped.pending, skipped.missing) == (DRIFT, [], [b])

    rows = [row(1, "a", a.sha256), row(2, "b", b.sha256)]
    newer = compare(files[:1], rows)
    assert (newer.pending, newer.newer, newer.problem()) == ([], rows[1:], None)
    problem = compare(files[:1], [rows[0], row(2, "b", b.sha256, breaking=True)]).problem()
    assert problem
    assert problem.code == NEWER
    assert "WhisperEngine 9.9.9" in str(problem)


@pytest.mark.parametrize(
    "password",
    ["se/cret", "se?cret", "se#cret", "s@cret", "1/secret", "1?secret", "se:cret@1", "[secret", "s\u2100cret"],
)
def test_a_url_with_an_unquoted_password_is_refused_without_showing_any_of_it(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_url(f"postgresql://user:{password}@db.example:5432/name")
    assert "cret" not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p%40ss%2F@db.example:5432/name?sslmode=require",
        "postgres://[::1]:5432/name",
        "postgresql://a:1,b:2/name",
        "postgresql://postgres@/name?host=/run/socket&port=5432",
        "postgresql://db.example",
    ],
)
def test_a_proper_url_passes(url: str) -> None:
    check_url(url)
