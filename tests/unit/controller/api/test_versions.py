import pytest

from controller.api.versions import MAX_MINOR, requested_minor
from controller.errors import NotAcceptable


@pytest.mark.parametrize(
    ("headers", "minor"),
    [
        ({}, 1),
        ({"X-OpenStack-Ironic-API-Version": "1.50"}, 50),
        ({"X-OpenStack-Ironic-API-Version": "latest"}, MAX_MINOR),
        ({"OpenStack-API-Version": "baremetal 1.67"}, 67),
        ({"OpenStack-API-Version": "compute 2.1, baremetal latest"}, MAX_MINOR),
        ({"OpenStack-API-Version": "compute 2.1"}, 1),
        ({"X-OpenStack-Ironic-API-Version": "1.2", "OpenStack-API-Version": "baremetal 1.9"}, 2),
    ],
)
def test_the_headers_of_a_request_choose_the_version(headers: dict[str, str], minor: int) -> None:
    assert requested_minor(headers) == minor


@pytest.mark.parametrize("text", ["1.0", f"1.{MAX_MINOR + 1}", "2.1", "1", "new", "1.x", "-1.5"])
def test_a_version_that_is_not_served_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(NotAcceptable, match=r"1\.1|expected 1\.N"):
        requested_minor({"X-OpenStack-Ironic-API-Version": text})
