"""No regular expression of the program can be made to hang."""

import json
import re
import subprocess
import sys

from bench import regexes
from tests.support.pumping import attacks, text


def test_no_pattern_of_the_program_hangs_on_hostile_texts(repository):
    """The benchmark ends each search after a second of the processor's time; real ones take a tenth of that at most."""
    done = subprocess.run(
        [sys.executable, "bench/regexes.py", "--length", "8000", "--glance", "400", "--rows", "10"],
        cwd=repository,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["patterns"] > 200


def test_the_attack_finds_what_is_known_to_be_slow():
    slow = re.compile(r"<[\s]*/?[\s]*memories")
    texts = {text(prefix, pump, "", 50) for prefix, pump in attacks(slow)}
    assert any(each.startswith("<" + each[1] * 40) and each[1].isspace() for each in texts)
    nested = re.compile(r"(?:a+)+b")
    assert text("", "a", "!", 30) in {text(prefix, pump, "!", 30) for prefix, pump in attacks(nested)}


def test_patterns_that_are_built_in_functions_are_found_too():
    places = {place.partition(":")[0] for found in regexes.patterns() for place in found.places}
    assert {"discord/mentions.py", "discord/address.py", "chat/fences.py", "memory/when/words.py"} <= places
