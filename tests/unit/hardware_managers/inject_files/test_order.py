"""What inject_files is asked to do: every key, every mistake, and URLs that try to reach into the program."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import InvalidRequest
from agent.hardware.capabilities import Phase
from agent.hardware.image_rules import ImageRules
from agent.hardware.wishes import Wishes
from hardware_managers.inject_files.manager import probe
from hardware_managers.inject_files.order import InjectedFile, expand, read_order
from hardware_managers.inject_files.step import rules_for
from tests.unit.fakes import FakeRunner

NODE: dict[str, Any] = {"uuid": "75fe", "name": "n1", "properties": {"rack": 7, "x": {"y": "z"}}}
PORTS = [{"address": "52:54:00:00:00:01"}]


def text(content: str) -> str:
    return base64.b64encode(content.encode()).decode()


def one(**item: Any) -> InjectedFile:
    (file,) = read_order(NODE, PORTS, {"files": [item]})
    return file


def test_every_key_of_an_item_is_read() -> None:
    file = one(
        path="/etc/a/motd",
        partition=2,
        content=text("hi\n"),
        mode=0o640,
        owner=5,
        group=6,
        dirmode="0711",
    )
    assert file == InjectedFile(
        path="/etc/a/motd",
        partition=2,
        content=b"hi\n",
        mode=0o640,
        dirmode=0o711,
        owner=5,
        group=6,
    )
    assert (file.first_folder, file.is_deleted) == ("etc", False)
    assert one(path="/etc/motd", deleted=True).is_deleted
    assert one(path="motd", content="").content == b""
    assert one(path="//motd", content="").first_folder is None


def test_the_files_of_the_node_come_before_those_of_the_step() -> None:
    node = {**NODE, "properties": {"inject_files": [{"path": "/a/1", "content": ""}]}}
    files = read_order(node, PORTS, {"files": [{"path": "/a/2", "deleted": True}]})
    assert [file.path for file in files] == ["/a/1", "/a/2"]
    assert read_order({"properties": None}, PORTS, {}) == ()


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"content": ""}, "path"),
        ({"path": "/"}, "names no file"),
        ({"path": "/a/../"}, None),
        ({"path": "/a\0b", "content": ""}, "names no file"),
        ({"path": "/a"}, "give either content or deleted"),
        ({"path": "/a", "content": "", "deleted": True}, "give either content or deleted"),
        ({"path": "/a", "content": "no base64!"}, "content of /a"),
        ({"path": "/a", "content": "", "mode": 0o10000}, "beyond 0o7777"),
        ({"path": "/a", "content": "", "mode": "rw"}, "octal text"),
        ({"path": "/a", "content": "", "owner": -1}, "owner"),
        ({"path": "/a", "content": "", "owner": "root"}, "owner"),
        ({"path": "/a", "content": "", "partition": 0}, "partition"),
        ({"path": "/a", "content": "", "user": 1}, "user"),
        ("/a", "object"),
    ],
)
def test_a_malformed_item_is_refused_by_its_place(item: Any, reason: str | None) -> None:
    with pytest.raises(InvalidRequest, match=r"inject_files: files\[0\]") as caught:
        read_order(NODE, PORTS, {"files": [item]})
    assert reason is None or reason in str(caught.value)


def test_what_is_no_list_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="files is no list"):
        read_order(NODE, PORTS, {"files": {"path": "/a"}})


def test_a_url_takes_words_of_the_node_and_its_ports() -> None:
    url = "https://host/{node[uuid]}/{node[properties][x][y]}/{ports[0][address]}?rack={node[properties][rack]}"
    file = one(path="/a/b", content=url, checksum="sha256:12")
    assert file.url == "https://host/75fe/z/52:54:00:00:00:01?rack=7"
    assert (file.content, file.checksum, file.is_deleted) == (None, "sha256:12", False)
    assert expand("http://h/{{literal}}", NODE, PORTS) == "http://h/{literal}"


@pytest.mark.parametrize(
    "template",
    [
        "{node.__class__.__init__.__globals__}",
        "{node[uuid].__class__}",
        "{node[__class__]}",
        "{ports.append}",
        "{ports[0].keys}",
        "{ports[1][address]}",
        "{ports[x]}",
        "{node}",
        "{node[properties]}",
        "{node[uuid][0]}",
        "{node[uuid]!r}",
        "{node[uuid]:>1000000000}",
        "{node[uuid]:{node[uuid]}}",
        "{}",
        "{0}",
        "{self}",
        "{node[uuid]",
        "{node[]}",
    ],
)
def test_a_url_reaches_nothing_but_items(template: str) -> None:
    with pytest.raises(InvalidRequest, match="content of /a"):
        one(path="/a", content=f"http://h/{template}")


@given(st.text(alphabet="{}[]!:.node ports0123_uid", max_size=40))
def test_whatever_a_url_holds_it_is_filled_or_refused(template: str) -> None:
    try:
        filled = expand(template, NODE, PORTS)
    except ValueError:
        return
    assert "object at 0x" not in filled
    assert len(filled) <= 4096


def test_the_step_has_the_operators_priority_in_both_workflows() -> None:
    manager = probe(FakeRunner({}))
    assert manager.configure
    again = manager.configure(Wishes(inject_files_priority=50))
    assert isinstance(again.steps, tuple)
    (step,) = again.steps
    assert step.priorities == {Phase.DEPLOY: 50, Phase.SERVICE: 50}


def test_certificates_are_verified_unless_the_step_says_otherwise() -> None:
    assert rules_for(ImageRules(), {}).verify_tls
    assert not rules_for(ImageRules(), {"verify_ca": False}).verify_tls
    assert not rules_for(ImageRules(verify_tls=False), {"verify_ca": True}).verify_tls
    with pytest.raises(InvalidRequest, match="verify_ca"):
        rules_for(ImageRules(), {"verify_ca": "no"})
