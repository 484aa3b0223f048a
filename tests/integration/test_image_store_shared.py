"""Two controllers with one database: what was uploaded to one is fetched by the other when it deploys it, whoever was asked, and outlives the first."""

import os
from pathlib import Path

import pytest

from tests.integration.controller_process import controller_process
from tests.integration.postgres_server import postgres_server
from tests.integration.test_image_store import ask, image
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(300)]
VERBS = (("manage", "manageable"), ("provide", "available"), ("active", "active"))


def make_node(url: str, owner: str) -> None:
    """Make the node ``m1`` without hardware, whose controller is ``owner``."""
    body = {
        "name": "m1",
        "driver": "fake-hardware",
        "boot_interface": "fake",
        "deploy_interface": "fake",
        "automated_clean": False,
    }
    while True:
        assert ask(f"{url}/v1/nodes", "POST", body)[0] == 201
        if ask(f"{url}/v1/nodes/m1")[1]["conductor"] == owner:
            return
        assert ask(f"{url}/v1/nodes/m1", "DELETE")[0] == 204


def deploy(url: str, name: str) -> None:
    """Take the node to an instance of the image."""
    patch = [{"op": "add", "path": "/instance_info/image_source", "value": name}]
    assert ask(f"{url}/v1/nodes/m1", "PATCH", patch)[0] == 200
    for verb, state in VERBS:
        status, said = ask(f"{url}/v1/nodes/m1/states/provision", "PUT", {"target": verb})
        assert status == 202, said
        wait_until(
            lambda state=state: ask(f"{url}/v1/nodes/m1")[1]["provision_state"] == state,  # type: ignore[misc]
            60,
            state,
        )


def test_another_controller_fetches_what_it_deploys(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    with postgres_server() as database:
        common: dict[str, str | float] = {
            "database_url": database,
            "secrets_key_file": str(tmp_path / "keys"),
            "image_store_free_mib": 1,
        }
        with controller_process(folders[1], hostname="b", **common) as other:
            with controller_process(folders[0], hostname="a", **common) as first:
                assert ask(f"{first}/v1/images", "POST", {"name": "sent"})[0] == 201
                place = f"{first}/v1/images/sent/file?size_bytes={len(content)}&start_byte=0"
                assert ask(place, "PUT", content)[0] == 202
                wait_until(lambda: image(other, "sent")["status"] == "active", 60, "the upload")
                make_node(first, owner="b")
                deploy(first, "sent")  # who is asked has a copy already
                given = ask(f"{other}/v1/nodes/m1")[1]["driver_internal_info"]["registered_image"]
                uuid = given["uuid"]
                assert given["urls"] == [f"{first}/images/store/{uuid}"]
                wait_until(lambda: len(_holders(other)) == 2, 60, "the second copy")
            (folders[0] / "state/image-store" / uuid).unlink()
            with controller_process(folders[0], hostname="a", **common):
                wait_until(lambda: _holders(other) == ["b"], 60, "the loss to be noticed")
            assert image(other, "sent")["status"] == "active"
            assert (folders[1] / "state/image-store" / uuid).read_bytes() == content


def _holders(url: str) -> list[str]:
    copies = image(url, "sent")["copies"]
    return sorted(copy["conductor"] for copy in copies if copy["status"] == "active")
