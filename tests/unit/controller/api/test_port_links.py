from typing import Any

import pytest

from controller.api.resources.port_links import link
from controller.errors import Invalid

MAC = "52:54:00:aa:00:01"


@pytest.mark.parametrize(
    ("said", "stored"),
    [
        (None, {}),
        ({}, {}),
        ({"port_id": "1", "switch_id": "52-54-00-AA-00-01"}, {"port_id": "1", "switch_id": MAC}),
        (
            {"port_id": "1", "switch_id": "0000525400AA0001"},
            {"port_id": "1", "switch_id": "0000525400aa0001"},
        ),
        ({"port_id": "1", "hostname": "h"}, {"port_id": "1", "hostname": "h"}),
        ({"network_type": "unmanaged"}, {"network_type": "unmanaged"}),
    ],
)
def test_a_link_is_complete_and_its_switch_in_one_spelling(said: Any, stored: Any) -> None:
    assert link(said, "link") == stored


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([], "must be an object"),
        ({"port_id": "1"}, "needs port_id and switch_id"),
        ({"network_type": "managed"}, "needs port_id and switch_id"),
        ({"network_type": "other"}, "one of managed, unmanaged"),
        ({"port_id": 1, "switch_id": MAC}, "link/port_id must be a string"),
        ({"port_id": "1", "switch_id": "x"}, "link/switch_id must be a MAC address"),
        ({"colour": "red"}, "unknown keys: colour"),
    ],
)
def test_another_is_refused_with_what_it_needs(said: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words):
        link(said, "link")
