import pytest

from whisperengine import config as configuration
from whisperengine.commands.config import describe, documentation, example
from whisperengine.errors import ConfigurationError


def load(tmp_path, dotenv="", **environ):
    (tmp_path / ".env").write_text(dotenv)
    return configuration.load(environ, dotenv=tmp_path / ".env")


def test_the_documentation_is_generated_from_the_table(repository):
    assert (repository / "docs/configuration.md").read_text() == documentation()


def test_the_example_environment_is_generated_from_the_table(repository):
    assert (repository / ".env.example").read_text() == example()


def test_every_variable_of_the_example_can_be_read_as_it_stands(tmp_path):
    text = "\n".join(line[1:] for line in example().splitlines() if line.startswith("#") and line[1:2].isupper())
    assert load(tmp_path, text) == configuration.Config()


def test_the_environment_wins_over_the_file(tmp_path):
    config = load(tmp_path, "HEALTH_CHECK_PORT=1\nLOG_LEVEL=debug", HEALTH_CHECK_PORT="2")
    assert (config.http_port, config.log_level) == (2, "debug")


def test_an_empty_value_counts_as_not_set(tmp_path):
    assert load(tmp_path, "", HEALTH_CHECK_PORT="").http_port == 9090


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('LLM_CHAT_API_KEY="a b#c"', "a b#c"),
        ("export LLM_CHAT_API_KEY=plain # comment", "plain"),
        ("LLM_CHAT_API_KEY='x=y'", "x=y"),
        ("LLM_CHAT_API_KEY=p$a{b}c", "p$a{b}c"),
    ],
)
def test_the_file_takes_the_usual_forms_of_a_line(tmp_path, line, value):
    assert load(tmp_path, line).llm_api_key == value


def test_a_broken_line_of_the_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match="line 2"):
        load(tmp_path, "LOG_LEVEL=info\nnonsense")


def test_wrong_values_are_all_reported_with_what_is_allowed(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, HEALTH_CHECK_PORT="eighty", LLM_CLIENT_TYPE="magic")
    text = str(caught.value)
    assert "HEALTH_CHECK_PORT is 'eighty'" in text
    assert "0 to 65535" in text
    assert "LLM_CLIENT_TYPE is 'magic'" in text


def test_a_wrong_secret_is_never_shown(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, DATABASE_URL="mysql://root:hunter2@host/db")
    assert "hunter2" not in str(caught.value)
    assert "DATABASE_URL" in str(caught.value)


def test_what_is_in_force_is_described_with_secrets_masked(tmp_path):
    config = load(tmp_path, LLM_CHAT_API_KEY="hunter2", HEALTH_CHECK_PORT="1")
    rows = {name: (value, changed) for name, value, changed in describe(config)}
    assert rows["LLM_CHAT_API_KEY"] == (configuration.MASK, True)
    assert rows["HEALTH_CHECK_PORT"] == ("1", True)
    assert rows["POSTGRES_PORT"] == ("5432", False)


def test_the_parts_of_a_database_url_are_escaped(tmp_path):
    config = load(tmp_path, POSTGRES_HOST="db", POSTGRES_USER="a@b", POSTGRES_PASSWORD="p/w:d", POSTGRES_DB="x")
    assert config.dsn == "postgresql://a%40b:p%2Fw%3Ad@db:5432/x"
    assert not config.embedded


def test_the_name_of_the_default_character_follows_the_originals_variables(tmp_path):
    assert load(tmp_path).default_character == "assistant"
    assert load(tmp_path, CHARACTER_NAME="b").default_character == "b"
    assert load(tmp_path, CHARACTER_NAME="b", BOT_NAME="c").default_character == "c"
    assert load(tmp_path, DISCORD_BOT_NAME="a", BOT_NAME="c").default_character == "a"
