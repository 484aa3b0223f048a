"""A console goes with its node: from a controller that ends to the one that takes the node over."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.bmc_doubles import lab_machine
from tests.integration.console_site import People, TypedOn, Watcher, enrol
from tests.integration.controller_process import controller_process
from tests.integration.databases import new_database
from tests.integration.postgres_server import postgres_server

pytestmark = [pytest.mark.root, pytest.mark.postgres, pytest.mark.long, pytest.mark.timeout(300)]


def test_the_console_goes_with_the_node(tmp_path: Path) -> None:
    line = TypedOn()
    folders = {name: tmp_path / name for name in ("lab", "a", "b")}
    for folder in folders.values():
        folder.mkdir()
    with (
        postgres_server() as server,
        lab_machine(folders["lab"], line.serial) as machine,
        machine.network.inside(),
    ):
        shared = {
            "database_url": new_database(server),
            "secrets_key_file": str(tmp_path / "secrets.key"),
        }
        stacks = {name: ExitStack() for name in ("a", "b")}
        with stacks["a"], stacks["b"]:
            urls = {
                name: stack.enter_context(
                    controller_process(folders[name], hostname=name, **shared)
                )
                for name, stack in stacks.items()
            }
            people = enrol(urls["a"], machine)
            people.switch(is_on=True)
            owner = people.ok("GET", "")["conductor"]
            other = "b" if owner == "a" else "a"
            first, second = People(urls[owner], "m1"), People(urls[other], "m1")
            first.wait_open()
            elsewhere = second.call("GET", "/console")
            assert elsewhere.status_code == 409
            assert f"kept by the controller {owner}" in elsewhere.text
            watcher = Watcher(first)
            stacks[owner].close()
            watcher.wait_end()
            second.wait_open()
            assert second.ok("GET", "")["conductor"] == other
            after = Watcher(second)
            line.show(b"at the other one\r\n")
            after.wait_for(b"at the other one\r\n")
            keyboard = second.keyboard()
            second.type(keyboard, b"x")
            line.expect(b"x")
            after.leave()
