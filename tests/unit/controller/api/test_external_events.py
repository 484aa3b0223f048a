"""What names a port in an event of a network service is a UUID in one of its usual forms, and so short."""

from typing import Any

import pytest

from controller.api.resources.events import parse_events
from controller.errors import Invalid

UUID = "6f6ed9c8-5f0a-4ad5-9ac6-6e3c1a0c9f11"
EVENT = {
    "event": "network.bind_port",
    "port_id": UUID,
    "mac_address": "52:54:00:12:34:56",
    "status": "ACTIVE",
}


def parsed(**changes: Any) -> Any:
    (event,) = parse_events({"events": [EVENT | changes]})
    return event


@pytest.mark.parametrize("text", [UUID, UUID.upper(), UUID.replace("-", "")])
def test_a_uuid_is_written_with_its_hyphens_or_without_any(text: str) -> None:
    assert parsed(port_id=text, device_id=text).port_id == text


@pytest.mark.parametrize("name", ["port_id", "device_id", "binding:host_id"])
@pytest.mark.parametrize(
    "text", ["-" * 900_000 + "0" * 32, f"-{UUID}", f"{UUID}\n", UUID.replace("-", "--"), ""]
)
def test_hyphens_elsewhere_and_any_number_of_them_are_refused(name: str, text: str) -> None:
    with pytest.raises(Invalid, match=f"events/0: expected a UUID for {name}") as refused:
        parsed(**{name: text})
    assert len(str(refused.value)) < 100
