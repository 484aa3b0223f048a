"""``--steps``: a file, or the JSON itself."""

from pathlib import Path

import pytest

from controller.client.errors import ClientError
from controller.client.steps import read_steps

STEPS = '[{"interface": "deploy", "step": "erase_devices"}]'


def test_steps_come_from_a_file_or_from_the_word_itself(tmp_path: Path) -> None:
    file = tmp_path / "steps.json"
    file.write_text(STEPS)
    wanted = [{"interface": "deploy", "step": "erase_devices"}]
    assert read_steps(STEPS) == wanted
    assert read_steps(str(file)) == wanted
    assert read_steps(STEPS[1:-1]) == wanted


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("/nowhere/steps.json", "No such file"),
        ("[1]", "wanted is a list of steps"),
        ("[{]", "this is no JSON"),
    ],
)
def test_other_words_are_refused_with_the_reason(words: str, reason: str) -> None:
    with pytest.raises(ClientError, match=reason):
        read_steps(words)
