"""A page's JSON made of its columns says what its rows say, and of the same types."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from controller.api.resource.by_column import documents_of

SCALARS = st.sampled_from([None, True, False, 0, 1, 2, 0.0, -0.0, 1.0, "", "0", "null", 'q"\\'])
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(max_size=2), SCALARS)
"""Many that are equal and are not the same JSON."""


@st.composite
def columns(draw: st.DrawFn) -> dict[str, list[Any]]:
    rows = draw(st.integers(1, 5))
    names = draw(st.lists(st.text(max_size=3), min_size=1, max_size=6, unique=True))
    column = st.lists(VALUES, min_size=rows, max_size=rows) | VALUES.map(lambda one: [one] * rows)
    return {name: draw(column) for name in names}


@given(columns())
def test_rows_are_what_the_columns_say(made: dict[str, list[Any]]) -> None:
    expected = [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]
    shown = json.loads(msgspec.json.encode(documents_of(made)))
    assert [json.dumps(one, sort_keys=True) for one in shown] == [
        json.dumps(one, sort_keys=True) for one in expected
    ]


@given(columns())
def test_text_that_is_json_already_is_passed_on(made: dict[str, list[Any]]) -> None:
    texts = {
        name: [msgspec.Raw(msgspec.json.encode(one)) for one in column]
        for name, column in made.items()
    }
    plain, passed = (json.loads(msgspec.json.encode(documents_of(one))) for one in (made, texts))
    assert [json.dumps(one, sort_keys=True) for one in passed] == [
        json.dumps(one, sort_keys=True) for one in plain
    ]
