"""An item is the same document whether it is asked for alone, in a list, or with chosen fields."""

from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller_api import Api, make_api

NODES: list[dict[str, Any]] = [
    {"name": "plain"},
    {"name": "secret", "driver_info": {"ipmi_password": "hunter2", "deeper": {"token": "abc"}}},
    {"name": "text", "extra": {"a": [1, {"b": "ü\u2028"}], "": None}, "properties": {"cpus": 4}},
    {"name": "chosen", "boot_interface": "fake", "owner": "p", "lessee": "q", "shard": "s"},
    {"name": "child"},
]


@pytest.fixture
def api(tmp_path: Path) -> Api:
    made = make_api(tmp_path)
    for body in NODES:
        made.ok("POST", "/v1/nodes", {"driver": "fake-hardware", **body})
    made.ok("PUT", "/v1/nodes/plain/maintenance", {"reason": "a fan"})
    made.ok("PUT", "/v1/nodes/text/traits", {"traits": ["CUSTOM_A"]})
    return made


@pytest.mark.parametrize("version", ["1.1", "1.2", "1.50", "1.109", "1.115"])
def test_nodes(api: Api, version: str) -> None:
    listed = api.ok("GET", "/v1/nodes/detail", version=version)["nodes"]
    assert len(listed) == len(NODES)
    for one in listed:
        alone = api.ok("GET", f"/v1/nodes/{one['uuid']}", version=version)
        assert alone == one
        assert "hunter2" not in str(one)
        assert "abc" not in str(one["driver_info"])
        for field in set(one) - {"links"} if version == "1.115" else ():
            chosen = api.ok("GET", f"/v1/nodes/{one['uuid']}?fields={field}")
            assert chosen[field] == one[field]


def test_ports(api: Api) -> None:
    for number, name in enumerate(("plain", "secret")):
        node = api.ok("GET", f"/v1/nodes/{name}")["uuid"]
        body = {"node_uuid": node, "address": f"52:54:00:00:00:0{number}", "extra": {"n": number}}
        api.ok("POST", "/v1/ports", body)
    listed = api.ok("GET", "/v1/ports/detail")["ports"]
    assert [api.ok("GET", f"/v1/ports/{one['uuid']}") for one in listed] == listed
    assert len(listed) == 2
