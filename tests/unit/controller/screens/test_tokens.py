"""The words that open screens: good for their time, for one node, and not without a bound."""

from dataclasses import replace

import pytest

from controller.screens.tokens import Grant, Tokens

GRANT = Grant(node_uuid="n1", whose="ann", user="bob", may_type=True)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(600.0, clock)


def test_a_word_is_good_until_its_end(tokens: Tokens, clock: Clock) -> None:
    token = tokens.issue(GRANT)
    assert len(token.word) >= 43
    assert token.word not in repr(token)
    clock.now += 599
    assert tokens.find(token.word) == token
    clock.now += 1
    assert tokens.find(token.word) is None
    assert tokens.find("") is None


def test_who_asks_soon_again_gets_the_same_and_later_a_new_one(
    tokens: Tokens, clock: Clock
) -> None:
    token = tokens.issue(GRANT)
    clock.now += 299
    assert tokens.issue(GRANT) is token
    clock.now += 2
    other = tokens.issue(GRANT)
    assert other.word != token.word
    assert tokens.find(token.word) is token  # the earlier one is still good


@pytest.mark.parametrize(
    "other",
    [
        replace(GRANT, node_uuid="n2"),
        replace(GRANT, whose="eve"),
        replace(GRANT, user="eve"),
        replace(GRANT, may_type=False),
    ],
)
def test_another_right_is_another_word(tokens: Tokens, other: Grant) -> None:
    assert tokens.issue(GRANT).word != tokens.issue(other).word


def test_those_of_a_node_are_revoked_together(tokens: Tokens) -> None:
    gone = tokens.issue(GRANT)
    stays = tokens.issue(replace(GRANT, node_uuid="n2"))
    tokens.revoke("n1")
    assert tokens.find(gone.word) is None
    assert tokens.find(stays.word) is stays


def test_there_are_not_without_a_bound(tokens: Tokens) -> None:
    words = [tokens.issue(replace(GRANT, user=str(number))).word for number in range(1500)]
    assert sum(tokens.find(word) is not None for word in words) == 1024
    assert tokens.find(words[-1]) is not None
