"""Migration files: numbered plain SQL, read and checked before any database is touched."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whisperengine.errors import MigrationError

PACKAGE = Path(__file__).resolve().parents[1]
# The dump of the migrated database stands beside the files that make it.
SNAPSHOT = "schema.sql"
FILE_NAME = re.compile(r"(\d{4})_([a-z0-9]+(?:_[a-z0-9]+)*)\.sql")
DIRECTIVE = re.compile(r"--\s*migrate:\s*(.*?)\s*")
NO_TRANSACTION, BREAKING = "no-transaction", "breaking"
TRANSACTION_CONTROL = {"begin", "start", "commit", "end", "rollback", "abort"}
# IF NOT EXISTS, because the index may be built and the runner killed before it is written down that it is.
CONCURRENT_INDEX = re.compile(
    r"create\s+(?:unique\s+)?index\s+concurrently\s+if\s+not\s+exists\s+([^\s;(]+)\s+on\b", re.IGNORECASE
)

# Lexical rules of PostgreSQL (documentation, "SQL Syntax: Lexical Structure") as far as a semicolon may hide in them.
_TOKEN = re.compile(
    r"""
      (?P<space>   \s+ )
    | (?P<comment> --[^\n]* )
    | (?P<block>   /\* )
    | (?P<quoted>  [eE]'(?:[^'\\]|\\.|'')*+' | '(?:[^']|'')*+' | "(?:[^"]|"")*+"
                 | \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$ )
    | (?P<open>    [eE]?' | " | \$(?:[^\W\d]\w*)?\$ )
    | (?P<word>    [^\W\d][\w$]* )
    | (?P<number>  \d[\w.]* )
    | (?P<mark>    . )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK_EDGE = re.compile(r"/\*|\*/")


@dataclass(frozen=True)
class Statement:
    """One SQL statement of a file, without the comments around it and without its semicolon."""

    text: str
    line: int
    words: tuple[str, ...]
    """Keywords and plain identifiers in order, in lower case."""


@dataclass(frozen=True)
class Migration:
    """One file. `sha256` is that of its bytes after CRLF -> LF: a checkout on Windows is the same migration."""

    version: int
    name: str
    path: Path
    sql: str
    sha256: bytes
    transactional: bool
    breaking: bool

    @property
    def label(self) -> str:
        return f"{self.version:04}_{self.name}"


def default_directory() -> Path:
    """The files packaged with the program, or those of the checkout that it runs from."""
    packaged = PACKAGE / "_sql"
    return packaged if packaged.is_dir() else PACKAGE.parent / "sql"


def load_migrations(directory: Path | None = None) -> list[Migration]:
    """Every migration in order: versions 1, 2, 3, …

    Raises MigrationError for a name that is not NNNN_name.sql, a number that is missing or taken twice, and content
    that could not be applied as one step.
    """
    folder = directory or default_directory()
    try:
        # Hidden files are what editors and archives leave behind.
        names = sorted(
            path.name
            for path in folder.iterdir()
            if path.name.lower().endswith(".sql") and path.name != SNAPSHOT and not path.name.startswith(".")
        )
    except OSError as error:
        raise MigrationError(
            f"The migration folder {folder} cannot be read ({error.strerror}). "
            "Install the program again, or name the folder with --directory."
        ) from error
    if not names:
        raise MigrationError(f"The migration folder {folder} holds no NNNN_name.sql. Install the program again.")
    migrations: list[Migration] = []
    for name in names:
        match = FILE_NAME.fullmatch(name)
        if not match:
            raise MigrationError(
                f"{folder / name} is not named like 0001_what_it_does.sql (four digits, lower case). "
                "Rename it or take it away."
            )
        version, expected = int(match[1]), len(migrations) + 1
        if migrations and version == migrations[-1].version:
            raise MigrationError(
                f"{folder}: {migrations[-1].path.name} and {name} have the same number. Renumber the newer one."
            )
        if version != expected:
            raise MigrationError(
                f"{folder}: number {expected:04} is missing before {name}. "
                "Numbers run from 0001 without a gap: restore the file or renumber."
            )
        migrations.append(_read(folder / name, version, match[2]))
    return migrations


def _read(path: Path, version: int, name: str) -> Migration:
    try:
        data = path.read_bytes().replace(b"\r\n", b"\n")
        sql = data.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"{path} cannot be read ({error}). Make it a readable UTF-8 file.") from error
    directives = _directives(sql, path)
    migration = Migration(
        version=version,
        name=name,
        path=path,
        sql=sql,
        sha256=hashlib.sha256(data).digest(),
        transactional=NO_TRANSACTION not in directives,
        breaking=BREAKING in directives,
    )
    _check_statements(migration)
    return migration


def _directives(sql: str, path: Path) -> set[str]:
    found: set[str] = set()
    code_began = False
    for kind, start, stop in _tokens(sql, path):
        match = DIRECTIVE.fullmatch(sql, start, stop) if kind == "comment" else None
        code_began = code_began or kind not in ("space", "comment")
        if not match:
            continue
        if match[1] not in (NO_TRANSACTION, BREAKING):
            raise MigrationError(
                f"{path}:{_line(sql, start)}: unknown directive {match[1]!r}. "
                f"Write `-- migrate: {NO_TRANSACTION}` or `-- migrate: {BREAKING}`."
            )
        if code_began:
            raise MigrationError(
                f"{path}:{_line(sql, start)}: directives stand before the first statement. Move this line up."
            )
        found.add(match[1])
    return found


def _check_statements(migration: Migration) -> None:
    statements = split_statements(migration.sql, migration.path)
    if not statements:
        raise MigrationError(f"{migration.path} holds no statement. Write one or take the file away.")
    for statement in statements:
        place, words = f"{migration.path}:{statement.line}", statement.words
        if words and (words[0] in TRANSACTION_CONTROL or words[:2] == ("prepare", "transaction")):
            raise MigrationError(
                f"{place}: {words[0].upper()} is not for migrations: the runner puts each file into one transaction. "
                "Take it away."
            )
        # The driver would wait for ever for data that the file cannot give.
        if words[:1] == ("copy",) and "stdin" in words:
            raise MigrationError(f"{place}: COPY FROM STDIN has no input here. Write INSERT.")
    if migration.transactional:
        return
    if len(statements) > 1:
        raise MigrationError(
            f"{migration.path}:{statements[1].line}: a `{NO_TRANSACTION}` file holds exactly one statement, "
            "or a failure would leave it half done; this is the second. Move it into the next file."
        )
    [statement] = statements
    if statement.words[:1] == ("create",) and "concurrently" in statement.words[:4] and not concurrent_index(statement):
        raise MigrationError(
            f"{migration.path}:{statement.line}: without a transaction the file must be able to run twice. "
            "Write CREATE INDEX CONCURRENTLY IF NOT EXISTS name ON …"
        )


def concurrent_index(statement: Statement) -> str | None:
    """Name, as written, of the index that the statement builds without locking the table."""
    match = CONCURRENT_INDEX.match(statement.text)
    return match[1] if match else None


def split_statements(sql: str, path: Path) -> list[Statement]:
    """The statements of `sql`; `path` only names the place in errors.

    Knows quotes, dollar quotes, nested comments, parentheses (rules) and SQL-standard function bodies (BEGIN ATOMIC …
    END), the last two by the rules of psql's own lexer (psqlscan.l). Raises MigrationError for a quote or comment that
    never ends.
    """
    statements: list[Statement] = []
    words: list[str] = []
    begin, end, parentheses, blocks = -1, -1, 0, 0
    for kind, start, stop in [*_tokens(sql, path), ("mark", len(sql), len(sql))]:
        token = sql[start:stop]
        if kind in ("space", "comment"):
            continue
        if not token or (token == ";" and not parentheses and not blocks):
            if begin >= 0:
                statements.append(Statement(sql[begin:end], _line(sql, begin), tuple(words)))
            words, begin, parentheses = [], -1, 0
            continue
        if begin < 0:
            begin = start
        end = stop
        if token == "(":
            parentheses += 1
        elif token == ")":
            parentheses = max(0, parentheses - 1)
        elif kind == "word":
            word = token.lower()
            words.append(word)
            if not parentheses and _defines_routine(words):
                if word == "begin" or (word == "case" and blocks):
                    blocks += 1
                elif word == "end" and blocks:
                    blocks -= 1
    return statements


def _defines_routine(words: list[str]) -> bool:
    kind = words[3:4] if words[1:3] == ["or", "replace"] else words[1:2]
    return words[0] == "create" and kind in (["function"], ["procedure"])


def _tokens(sql: str, path: Path) -> Iterator[tuple[str, int, int]]:
    """Triples (kind, start, stop) that cover `sql`; comments of both forms are of kind `comment`."""
    position = 0
    while match := _TOKEN.match(sql, position):
        kind, stop = str(match.lastgroup), match.end()
        if kind == "open":
            raise MigrationError(f"{path}:{_line(sql, position)}: the quote {match[0]} never ends. Close it.")
        if kind == "block":
            kind, stop = "comment", _end_of_block(sql, position, path)
        yield kind, position, stop
        position = stop


def _end_of_block(sql: str, start: int, path: Path) -> int:
    depth = 0
    for edge in _BLOCK_EDGE.finditer(sql, start):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    raise MigrationError(f"{path}:{_line(sql, start)}: the comment /* never ends. Close it.")


def _line(sql: str, position: int) -> int:
    return sql.count("\n", 0, position) + 1
