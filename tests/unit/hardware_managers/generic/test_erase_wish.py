from typing import Any

import pytest

from agent.errors import InvalidRequest
from agent.hardware.erasing import EraseLevel
from hardware_managers.generic.erase_wish import erase_wish

IRONIC = {
    "agent_erase_devices_iterations": 1,
    "agent_erase_devices_zeroize": True,
    "agent_continue_if_secure_erase_failed": False,
    "agent_continue_if_ata_erase_failed": False,
    "agent_enable_nvme_secure_erase": True,
    "agent_enable_ata_secure_erase": True,
    "disk_erasure_concurrency": 4,
    "agent_erase_skip_read_only": False,
}


def wish_of(internal: dict[str, Any], **owner: Any) -> Any:
    return erase_wish({"driver_internal_info": internal, "driver_info": owner})


def test_what_ironic_sends_by_default() -> None:
    wish = wish_of(IRONIC)
    assert wish.level is EraseLevel.CLEAR
    assert (wish.allow_overwrite, wish.overwrite_passes, wish.zeroize) == (True, 1, True)
    assert (wish.use_nvme, wish.use_ata, wish.after_failure) == (True, True, False)
    assert wish.at_once == 4


def test_a_controller_that_says_nothing_allows_no_overwriting() -> None:
    wish = erase_wish({})
    assert not wish.allow_overwrite
    assert wish.at_once == 1
    assert wish.level is EraseLevel.CLEAR


def test_no_passes_and_no_zeros_is_a_no_to_overwriting() -> None:
    nothing = {"agent_erase_devices_iterations": 0, "agent_erase_devices_zeroize": False}
    assert not wish_of(IRONIC | nothing).allow_overwrite
    assert wish_of(IRONIC | {"agent_erase_devices_iterations": 0}).allow_overwrite


def test_ours_win_and_the_nodes_owner_wins_over_the_controller() -> None:
    ours = {"agent_erase_level": "purge", "agent_erase_allow_overwrite": False}
    assert wish_of(IRONIC | ours).level is EraseLevel.PURGE
    assert not wish_of(IRONIC | ours).allow_overwrite
    wish = wish_of(
        IRONIC | ours, agent_erase_level="destroy-keys", agent_erase_allow_overwrite="yes"
    )
    assert wish.level is EraseLevel.DESTROY_KEYS
    assert wish.allow_overwrite


@pytest.mark.parametrize(
    "key", ["agent_continue_if_secure_erase_failed", "agent_continue_if_ata_erase_failed"]
)
def test_both_names_of_going_on_after_a_failure_count(key: str) -> None:
    assert wish_of(IRONIC | {key: "true"}).after_failure


@pytest.mark.parametrize(
    ("internal", "owner", "named"),
    [
        ({"agent_erase_devices_iterations": "many"}, {}, "agent_erase_devices_iterations|whole"),
        (
            {"agent_enable_ata_secure_erase": "maybe"},
            {},
            "agent_enable_ata_secure_erase: 'maybe' is neither true nor false",
        ),
        ({}, {"agent_erase_level": "shred"}, "must be one of clear, purge, destroy-keys"),
        ({}, {"wipe_special_filesystems": "perhaps"}, "wipe_special_filesystems"),
    ],
)
def test_what_cannot_be_used_is_named(
    internal: dict[str, Any], owner: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidRequest, match=named):
        wish_of(internal, **owner)
