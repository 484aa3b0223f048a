"""What is typed to ``ingot node console`` itself, and what goes to the machine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.client.escapes import Escapes, Wish


@pytest.mark.parametrize(
    ("typed", "done"),
    [
        (b"~.", [Wish.LEAVE]),
        (b"ls\r~.", [b"ls\r", Wish.LEAVE]),
        (b"ls\n~.rest", [b"ls\n", Wish.LEAVE]),
        (b"a~.", [b"a~."]),
        (b"~~", [b"~"]),
        (b"~~.", [b"~."]),
        (b"~x", [b"~x"]),
        (b"~B", [Wish.BREAK]),
        (b"x\r~t~?", [b"x\r", Wish.TAKE, Wish.HELP]),
        (b"~\r~.", [b"~\r", Wish.LEAVE]),
    ],
)
def test_a_tilde_begins_a_line(typed: bytes, done: list[bytes | Wish]) -> None:
    assert Escapes().take(typed) == done
    escapes = Escapes()
    one_by_one = [what for number in typed for what in escapes.take(bytes((number,)))]
    wishes = [what for what in one_by_one if isinstance(what, Wish)]
    assert b"".join(what for what in one_by_one if isinstance(what, bytes)).startswith(
        b"".join(what for what in done if isinstance(what, bytes))
    )
    assert wishes[: len(wishes)][:1] == [what for what in done if isinstance(what, Wish)][:1]


@given(st.binary().filter(lambda typed: b"~" not in typed))
def test_everything_else_is_the_machines(typed: bytes) -> None:
    assert b"".join(what for what in Escapes().take(typed) if isinstance(what, bytes)) == typed
