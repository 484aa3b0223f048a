"""Which component an entry of ``settings`` means."""

from typing import Any

import pytest

from agent.errors import FirmwareError, InvalidRequest
from agent.hardware.updating import FirmwareComponent
from hardware_managers.firmware.orders import (
    UpdateOrder,
    is_there,
    meant,
    overlapping,
    parse_orders,
)

URL = "http://192.0.2.1/firmware.bin"


def component(number: int, model: str = "M1", version: str = "1.0") -> FirmwareComponent:
    return FirmwareComponent(
        id=f"nvme:nvme{number}",
        kind="nvme",
        model=model,
        version=version,
        aliases=(f"fwupd:{number}",),
    )


HERE = (component(0), component(1), component(2, model="M2"))


def order(name: str, **more: Any) -> UpdateOrder:
    return UpdateOrder(component=name, url=URL, **more)


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        (order("nvme:nvme1"), ["nvme:nvme1"]),
        (order("fwupd:1"), ["nvme:nvme1"]),
        (order("nvme"), ["nvme:nvme0", "nvme:nvme1", "nvme:nvme2"]),
        (order("nvme", model="M2"), ["nvme:nvme2"]),
    ],
)
def test_an_id_an_alias_and_a_kind_name_components(asked: UpdateOrder, ids: list[str]) -> None:
    assert [found.id for found in meant(asked, HERE)] == ids


@pytest.mark.parametrize("asked", [order("nvme:nvme9"), order("nic"), order("nvme", model="M3")])
def test_a_component_that_is_not_there_is_answered_with_what_is(asked: UpdateOrder) -> None:
    with pytest.raises(FirmwareError, match=r"nvme:nvme0 \(M1, 1\.0\)"):
        meant(asked, HERE)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (None, "Expected `array`"),
        ([], "has 0 entries"),
        ([{"component": "nvme"}], "url"),
        ([{"component": 3, "url": URL}], r"\$\[0\]\.component"),
        ([{"component": "nvme", "url": URL}] * 65, "has 65 entries"),
    ],
)
def test_settings_of_another_shape_are_refused_by_their_path(settings: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said):
        parse_orders(settings)


def test_a_version_that_runs_already_is_left_alone() -> None:
    assert is_there(order("nvme", version="1.0"), HERE[0])
    assert not is_there(order("nvme", version="2.0"), HERE[0])
    assert not is_there(order("nvme"), HERE[0])


def test_a_component_that_two_entries_mean_is_found() -> None:
    chosen = [(order("nvme"), HERE), (order("nvme:nvme1"), HERE[1:2])]
    assert overlapping(chosen) == {"nvme:nvme1": [URL, URL]}
