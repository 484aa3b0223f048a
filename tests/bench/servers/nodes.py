"""The nodes that both servers get, and the requests about them. Pure."""

from dataclasses import dataclass

from tests.bench.servers.load import Request

LISTS = (10, 100, 1000)
WRITERS = (4, 32)
"""Connections over which nodes are changed."""
_AGENTS_FROM_PORT, _AGENT_PORTS = 10_000, 50_000
_REPEATS = {
    "node": 1.0,
    "list of 10": 0.5,
    "list of 100": 0.2,
    "list of 1000": 0.05,
    "detail of 1000": 0.05,
}
"""How many of the requests asked for each kind gets: the long ones are few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchNode:
    """A node of the benchmark; ``number`` from 0."""

    number: int
    uuid: str
    mac: str


def bench_node(number: int) -> BenchNode:
    """Return a node; the same number gives the same node."""
    return BenchNode(
        number=number,
        uuid=f"b0000000-0000-4000-8000-{number:012x}",
        mac=f"52:54:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}",
    )


def enrolment(node: BenchNode) -> tuple[Request, Request]:
    """Return the requests that make a node and its port."""
    body = {
        "uuid": node.uuid,
        "name": f"bench-{node.number}",
        "driver": "fake-hardware",
        "deploy_interface": "direct",
        "resource_class": "baremetal",
        "properties": {
            "cpus": 64,
            "cpu_arch": "x86_64",
            "memory_mb": 262144,
            "local_gb": 1787,
            "capabilities": "boot_mode:uefi",
        },
        "instance_info": {
            "image_source": "http://127.0.0.1:9/images/debian-12.qcow2",
            "image_os_hash_algo": "sha256",
            "image_os_hash_value": "0" * 64,
            "image_disk_format": "qcow2",
        },
        "extra": {"rack": f"r{node.number // 40}", "position": str(node.number % 40)},
    }
    port = {"node_uuid": node.uuid, "address": node.mac, "pxe_enabled": True}
    return (
        Request(method="POST", path="/v1/nodes", body=body),
        Request(method="POST", path="/v1/ports", body=port),
    )


def reading(requests: int, nodes: int) -> dict[str, list[Request]]:
    """Return the reading requests by kind; ``requests`` is how many the shortest kind gets."""
    paths = {f"list of {count}": f"/v1/nodes?limit={count}" for count in LISTS if count <= nodes}
    if nodes >= LISTS[-1]:
        paths[f"detail of {LISTS[-1]}"] = f"/v1/nodes/detail?limit={LISTS[-1]}"
    kinds = {
        kind: [Request(method="GET", path=path)] * max(4, int(requests * _REPEATS[kind]))
        for kind, path in paths.items()
    }
    single = [
        Request(method="GET", path=f"/v1/nodes/{bench_node(number % nodes).uuid}")
        for number in range(requests)
    ]
    return {"node": single, **kinds}


def changes(requests: int, nodes: int) -> list[Request]:
    """Return requests that change a node each."""
    return [
        Request(
            method="PATCH",
            path=f"/v1/nodes/{bench_node(number % nodes).uuid}",
            body=[{"op": "add", "path": "/extra/change", "value": number}],
        )
        for number in range(requests)
    ]


def lookup(node: BenchNode) -> Request:
    """Return what an agent asks first."""
    return Request(method="GET", path=f"/v1/lookup?addresses={node.mac}")


def heartbeat(node: BenchNode, token: str) -> Request:
    """Return what an agent sends every few minutes."""
    body = {
        "callback_url": f"https://127.0.0.1:{_AGENTS_FROM_PORT + node.number % _AGENT_PORTS}",
        "agent_token": token,
        "agent_version": "13.0.0",
    }
    return Request(method="POST", path=f"/v1/heartbeat/{node.uuid}", body=body)


def share(number: int, rounds: int, nodes: int, most: int) -> tuple[BenchNode, ...]:
    """Return the nodes of round ``number`` (from 0): every round has its own, at most ``most``."""
    size = min(most, nodes // rounds)
    return tuple(bench_node(index) for index in range(number * size, (number + 1) * size))
