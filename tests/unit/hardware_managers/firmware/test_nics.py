"""Which image and which parameters go to which card.

The outputs follow the manual pages of mstflint 4.21; they were not recorded, there was no such card.
"""

from typing import Any

import pytest

from agent.errors import FirmwareError, InvalidRequest
from agent.hardware.updating import FirmwareComponent
from hardware_managers.firmware.mstflint_output import (
    is_same_setting,
    parse_query,
    parse_settings,
)
from hardware_managers.firmware.nic_steps import (
    parse_images,
    parse_nic_settings,
    plan_images,
    wanted_parameters,
)
from hardware_managers.firmware.nics import Card

QUERY = """Image type:            FS4
FW Version:            16.35.2000
FW Version(Running):   16.32.1010
FW Release Date:       15.8.2022
Product Version:       16.35.2000
Description:           UID                GuidsNumber
Base GUID:             0c42a10300a1b2c3        4
PSID:                  MT_0000000008
"""
SETTINGS = """
Device #1:
----------

Device type:    ConnectX5
Name:           N/A
Description:    N/A
Device:         0000:3b:00.0

Configurations:                              Next Boot
         SRIOV_EN                            True(1)
         NUM_OF_VFS                          8
         LINK_TYPE_P1                        ETH(2)
*        MEMIC_BAR_SIZE                      0
"""


def image(board: str = "MT_0000000008", version: str = "16.35.2000") -> dict[str, Any]:
    return {
        "url": "http://192.0.2.1/fw.bin",
        "checksum": "0" * 64,
        "checksumType": "sha256",
        "componentFlavor": board,
        "version": version,
    }


def card(number: int, version: str, board: str = "MT_0000000008") -> FirmwareComponent:
    return FirmwareComponent(
        id=f"nic:0000:3{number}:00.0", kind="nic", model=board, version=version
    )


def test_version_and_board_are_read() -> None:
    told = parse_query(QUERY)
    assert (told.version, told.psid) == ("16.35.2000", "MT_0000000008")


@pytest.mark.parametrize("said", ["", "PSID: MT_1", QUERY.replace("MT_0000000008", "N/A; rm")])
def test_an_answer_without_version_or_board_is_no_answer(said: str) -> None:
    with pytest.raises(FirmwareError, match="names no firmware version, or no PSID"):
        parse_query(said)


def test_parameters_are_read_as_numbers_where_there_are_any() -> None:
    told = parse_settings(SETTINGS)
    assert told == {"SRIOV_EN": "1", "NUM_OF_VFS": "8", "LINK_TYPE_P1": "2", "MEMIC_BAR_SIZE": "0"}
    assert is_same_setting(told["SRIOV_EN"], "True")
    assert not is_same_setting(told["NUM_OF_VFS"], "16")
    assert not is_same_setting(None, "0")


def test_an_image_goes_to_the_cards_of_its_board_that_have_another_version() -> None:
    cards = [card(1, "16.32.1010"), card(2, "16.35.2000"), card(3, "1", board="MT_9999")]
    plan = plan_images(parse_images([image()]), cards)
    assert [chosen.id for _, chosen in plan] == ["nic:0000:31:00.0"]


def test_two_images_for_one_board_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="MT_0000000008"):
        plan_images(parse_images([image(), image(version="1")]), [])


def test_parameters_of_the_card_go_by_its_first_function() -> None:
    settings = parse_nic_settings(
        [
            {
                "deviceID": "0x1017",
                "globalConfig": {"SRIOV_EN": True},
                "function0Config": {"A": 1},
                "function1Config": {"B": "x"},
            }
        ]
    )
    functions = [Card(address=f"0000:3b:00.{number}", device_id="1017") for number in (0, 1, 2)]
    wanted = [wanted_parameters(settings, function) for function in functions]
    assert wanted == [{"SRIOV_EN": "1", "A": "1"}, {"B": "x"}, {}]
    assert wanted_parameters(settings, Card(address="0000:3b:00.0", device_id="1019")) == {}


@pytest.mark.parametrize("images", [None, [{}], [{**image(), "checksumType": 3}]])
def test_arguments_of_another_shape_are_refused(images: Any) -> None:
    with pytest.raises(InvalidRequest, match="images"):
        parse_images(images)
