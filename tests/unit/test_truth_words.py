"""A word for yes or no means the same wherever somebody may write one."""

from collections.abc import Callable, Mapping

import pytest

from agent.errors import AgentError
from agent.protocol.device_hints import parse_hints
from agent.protocol.loose_values import truth, truth_word
from agent.protocol.refusal import Refusal
from agent.settings import Settings as AgentSettings
from controller.api.call import parse_boolean
from controller.bmc.driver_info_values import boolean
from controller.errors import ControllerError
from controller.load_settings import load_settings
from hardware_managers.burnin.orders import disk_order
from hardware_managers.generic.guard import WIPE_SHARED, is_wiping_shared

YES = ("1", "t", "true", "on", "y", "yes", "True", "YES", " y ", "T")
NO = ("0", "f", "false", "off", "n", "no", "False", "NO", " n ", "F")
NEITHER = ("maybe", "2", "ja", "truee", "enabled", "1.0", "-1", "t rue")
READERS: Mapping[str, Callable[[str], bool]] = {
    "documents": lambda word: truth(word, "x"),
    "device hints": lambda word: parse_hints({"rotational": word})[0].values == ("true",),
    "kernel arguments": lambda word: (
        AgentSettings.from_sources(f'ipa-insecure="{word}"', None, {}).insecure
    ),
    "the controller's environment": lambda word: (
        load_settings("", {"INGOT_AUTOMATED_CLEAN": word}, {}).automated_clean
    ),
    "queries": lambda word: parse_boolean(word, "x"),
    "driver_info": lambda word: boolean({"x": word}, "x", default=False),
    "burn-in": lambda word: disk_order({"agent_burnin_fio_disk_smart_test": word}).runs_smart_test,
    "shared filesystems": lambda word: is_wiping_shared({"driver_info": {WIPE_SHARED: word}}),
}


@pytest.mark.parametrize("name", READERS)
def test_every_reader_takes_the_same_words(name: str) -> None:
    read = READERS[name]
    assert [read(word) for word in YES] == [True] * len(YES)
    assert [read(word) for word in NO] == [False] * len(NO)
    for word in NEITHER:
        with pytest.raises((Refusal, AgentError, ControllerError)):
            read(word)


def test_what_says_nothing_is_told_from_a_no() -> None:
    assert [truth_word(value) for value in (True, 1, False, 0)] == [True, True, False, False]
    nothing: tuple[object, ...] = (None, "", "none", [], 2)
    assert [truth_word(value) for value in nothing] == [None] * len(nothing)
