import json
from typing import Any

import pytest

from controller.store.json_text import json_text, json_value


@pytest.mark.parametrize(
    "value",
    [{}, [], None, True, 1 << 80, 0.1, "Grüße", "\ud800", {"a": [1, {"b": None}]}],
)
def test_what_is_written_is_read_again(value: Any) -> None:
    assert json_value(json_text(value)) == value


@pytest.mark.parametrize("value", [{"a": "\ud800"}, {"a": [1.5, "x"]}])
def test_rows_of_the_standard_library_are_read(value: Any) -> None:
    assert json_value(json.dumps(value)) == value
    assert json_value(json.dumps(value).encode()) == value


def test_numbers_that_json_does_not_have_are_read_as_they_were() -> None:
    assert json_value('{"a": Infinity}') == {"a": float("inf")}
