"""Console, firmware modes, NMI, indicators and vendor methods of fake hardware, ours and real Ironic's.

Ironic's fake management switches no firmware and sends no NMI; ours does both, so these are held against the answers alone.
"""

import re
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from tests.bench.servers import start
from tests.integration.beside_ironic import BESIDE_IRONIC, Beside, beside_ironic

pytestmark = list(BESIDE_IRONIC)
FAKES = {"console_interface": "fake", "vendor_interface": "fake"}
VALUES: tuple[Any, ...] = (True, False, "true", "off", "x", "", 0, 1, 2, [], {})
"""No null: theirs takes it for false."""
METHODS = (
    "fourth_method_shared_lock",
    "second_method",
    "third_method_sync",
    "log_passthrough",
    "nope",
)
HTTP = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    with pytest.MonkeyPatch.context() as patch:
        config = start.IRONIC_CONFIG
        for kind in ("console", "vendor"):
            line = rf"enabled_{kind}_interfaces = .*"
            config = re.sub(line, f"enabled_{kind}_interfaces = fake,no-{kind}", config)
        patch.setattr(start, "IRONIC_CONFIG", config)
        with beside_ironic(tmp_path_factory.mktemp("abilities")) as found:
            yield found


def statuses(
    beside: Beside, method: str, path: str, body: object = None, minor: int = 115
) -> tuple[int, int]:
    """Compare the statuses alone."""
    ours, theirs = beside.ask(method, path, body, minor=minor)
    if ours.status != theirs.status:
        beside.differences.append(
            f"{method} {path} {body} at 1.{minor}: {ours.status}, theirs {theirs.status}"
        )
    return ours.status, theirs.status


def test_a_console_is_switched(beside: Beside) -> None:
    node = beside.node(**FAKES)
    path = f"/v1/nodes/{node}/states/console"
    for value in VALUES:
        statuses(beside, "PUT", path, {"enabled": value})
    statuses(beside, "PUT", path, {})
    for value in (True, False):
        beside.ok("PUT", path, {"enabled": value})
        beside.set_node(node, console_enabled=value)  # theirs is switched a moment later
        assert beside.ok("GET", path)["console_enabled"] is value
        for shown in (f"/v1/nodes/{node}", f"/v1/nodes/{node}/states"):
            ours, theirs = beside.ask("GET", shown)
            assert ours.document["console_enabled"] is theirs.document["console_enabled"] is value


def test_a_node_without_a_console_says_so(beside: Beside) -> None:
    node = beside.node(console_interface="no-console")
    path = f"/v1/nodes/{node}/states/console"
    statuses(beside, "GET", path)
    statuses(beside, "PUT", path, {"enabled": True})


def test_indicators_are_listed_and_read(beside: Beside) -> None:
    node = beside.node()
    path = f"/v1/nodes/{node}/management/indicators"
    beside.ok("GET", path)
    for name, minor in product(
        ("led@system", "led-0@chassis", "led@chassis", "led@x", "led", "@", "led@"), (63, 115)
    ):
        beside.same("GET", f"{path}/{name}", minor=minor)
    for minor in (1, 62, 63):
        statuses(beside, "GET", path, minor=minor)


def test_vendor_methods_are_listed_and_called(beside: Beside) -> None:
    node = beside.node(**FAKES)
    path = f"/v1/nodes/{node}/vendor_passthru"
    ours, theirs = beside.ask("GET", f"{path}/methods")
    known = {"second_method", "third_method_sync", "fourth_method_shared_lock", "log_passthrough"}
    assert known <= ours.document.keys()
    for name in known:
        assert ours.document[name] == theirs.document[name]
    bodies: tuple[Any, ...] = (
        None,
        {},
        {"bar": "baz"},
        {"bar": "meow"},
        {"bar": ""},
    )  # a list is 500 there
    for http, method, body in product(HTTP, METHODS, bodies):
        if http == "POST" or body == {"bar": "baz"}:
            statuses(beside, http, f"{path}?method={method}", body)
            statuses(beside, http, f"{path}/{method}", body)
    for word in ("meow", "woof"):
        said = beside.ok("POST", f"{path}/third_method_sync", {"bar": word})
        assert said is (word == "meow")
    statuses(beside, "POST", path, {"bar": "baz"})


def test_what_switches_the_firmware_answers_alike(beside: Beside) -> None:
    node = beside.node()
    targets: dict[str, tuple[Any, ...]] = {
        "boot_mode": ("bios", "uefi", "x", "", None, 1, True),
        "secure_boot": (True, False, "true", "no", "x", None, 2),
    }
    for name, values in targets.items():
        for target in values:
            statuses(beside, "PUT", f"/v1/nodes/{node}/states/{name}", {"target": target})
        for state in ("deploying", "clean wait", "active", "deploy failed", "rescue"):
            beside.set_node(node, provision_state=state)
            target = "uefi" if name == "boot_mode" else False
            statuses(beside, "PUT", f"/v1/nodes/{node}/states/{name}", {"target": target})
        beside.set_node(node, provision_state="enroll")


def test_virtual_media_answers_alike(beside: Beside) -> None:
    """Theirs takes an order and fails later, having no virtual media: compared are the checks before that."""
    node = beside.node()
    path = f"/v1/nodes/{node}/vmedia"
    good = {"device_type": "cdrom", "image_url": "http://images.example/a.iso"}
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"device_type": "tape"},
        {"device_type": None},
        {"image_url": "file:///x"},
        {"image_url": 1},
        {"image_url": ""},
        {"image_download_source": "local"},
        {"image_download_source": "tape"},
        {"username": "u"},
    )
    for change, minor in product(changes, (88, 89, 115)):
        statuses(beside, "POST", path, good | change, minor=minor)
    for query in ("", "?device_types=cdrom", "?device_types=cdrom,floppy", "?device_types=tape"):
        statuses(beside, "DELETE", f"{path}{query}")
