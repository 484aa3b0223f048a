"""What counts as a yes and a no, by us and by the function that real Ironic asks."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from agent.protocol.loose_values import FALSE_WORDS, TRUE_WORDS, truth_word

PEER = Path(__file__).parents[2] / "build/peers/ironic/bin/python"
pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not PEER.exists(), reason="make build/stamps/peer-ironic"),
]
_ASKED = """
import json, sys
from oslo_utils.strutils import bool_from_string
print(json.dumps([bool_from_string(value, default=None) for value in json.load(sys.stdin)]))
"""
_CASES = 2000


def values() -> list[Any]:
    """Return words of every kind: those that count, in any case and with space around them, and those that nearly do."""
    chance = random.Random(5)
    words = (
        *TRUE_WORDS,
        *FALSE_WORDS,
        "none",
        "null",
        "enabled",
        "maybe",
        "2",
        "\u0131",
        "\uff59es",
        "oN\u200b",
    )
    made = []
    for _ in range(_CASES):
        word = "".join(chance.choice((str.upper, str.lower))(one) for one in chance.choice(words))
        if chance.random() < 0.1:
            word = word[: chance.randrange(len(word) + 1)]
        space = chance.choice(("", "", " ", "\t", "\n", "\u00a0"))
        made.append(space + word + chance.choice(("", space)))
    return [*made, "", True, False, None, 0, 1, 2, -1, 0.0, 1.0, 1.5, [], [True], {}]


def test_the_same_words_count_and_no_others() -> None:
    asked = values()
    done = subprocess.run(
        [PEER, "-c", _ASKED],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    theirs = json.loads(done.stdout)
    ours = [truth_word(value) for value in asked]
    differing = [row for row in zip(asked, ours, theirs, strict=True) if row[1] is not row[2]]
    assert not differing
    assert {True, False, None} == set(theirs)
