"""What a Redfish BMC of the lab takes for a search in the network, and what it answers."""

import http.client
import io

import pytest

from tests.lab.redfish.discovery import answer, is_search

UUID = "7f1c4b1e-8a44-4f6b-9a77-0b6a0f1d2c3e"
SEARCH = 'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: {}\r\n\r\n'


@pytest.mark.parametrize(
    ("target", "is_for_us"),
    [
        ("ssdp:all", True),
        ("urn:dmtf-org:service:redfish-rest:1", True),
        ("urn:dmtf-org:service:redfish-rest:1:9", True),
        ("upnp:rootdevice", False),
        ("urn:schemas-upnp-org:device:MediaServer:1", False),
    ],
)
def test_only_searches_for_redfish_or_all_are_answered(target: str, is_for_us: bool) -> None:
    assert is_search(SEARCH.format(target).encode()) is is_for_us


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 40,
        b"NOTIFY * HTTP/1.1\r\nST: ssdp:all\r\n\r\n",
        b"M-SEARCH * HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_search_is_dropped(data: bytes) -> None:
    assert not is_search(data)


def test_the_answer_names_service_and_address() -> None:
    first, _, headers = answer(UUID, "172.30.1.20").partition(b"\r\n")
    assert first == b"HTTP/1.1 200 OK"
    found = http.client.parse_headers(io.BytesIO(headers))
    assert found["USN"] == f"uuid:{UUID}::{found['ST']}"
    assert found["AL"] == "https://172.30.1.20/redfish/v1/"
