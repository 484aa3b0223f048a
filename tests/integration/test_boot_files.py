"""Boot scripts and files over HTTP: what machines get, and what the node's history says of it."""

import hashlib
import os
import socket
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import requests
from sqlalchemy import select

from controller.boot.dnsmasq_log import DhcpEvent
from controller.boot.history import take_lease
from controller.settings import Settings
from controller.store.events import record_event
from controller.store.nodes import get_node
from controller.store.tables import NodeEvent
from tests.integration.boot_server import BootServer, boot_key, boot_server

pytestmark = pytest.mark.timeout(60)
MAC = "52:54:00:12:34:56"
RAMDISK = os.urandom(3_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BootServer]:
    (tmp_path / "kernel").write_bytes(b"a kernel")
    (tmp_path / "ramdisk").write_bytes(RAMDISK)
    (tmp_path / "images/deep").mkdir(parents=True)
    (tmp_path / "images/deep/disk.raw").write_bytes(RAMDISK)
    (tmp_path / "tftp").mkdir()
    (tmp_path / "tftp/snponly.efi").write_bytes(b"MZ")
    (tmp_path / "tftp/notes.txt").write_bytes(b"not a loader")
    settings = Settings(
        state_directory=str(tmp_path),
        listen_port=0,
        tftp_directory=str(tmp_path / "tftp"),
        deploy_kernel=str(tmp_path / "kernel"),
        deploy_ramdisk=str(tmp_path / "ramdisk"),
        image_directory=str(tmp_path / "images"),
    )
    with boot_server(tmp_path, settings) as made:
        yield made


def get(server: BootServer, path: str, **headers: str) -> requests.Response:
    return requests.get(f"{server.url}{path}", headers=headers, timeout=10)


def script_for(server: BootServer, macs: str, platform: str = "pcbios") -> str:
    reply = get(server, f"/boot/ipxe/script?mac={macs}&uuid=&platform={platform}&buildarch=x86_64")
    assert reply.status_code == HTTPStatus.OK
    assert reply.headers["Cache-Control"] == "no-store"
    return reply.text


def test_the_first_script_names_the_address_that_the_machine_reached(server: BootServer) -> None:
    reply = get(server, "/boot/ipxe")
    assert reply.headers["Content-Type"].startswith("text/plain")
    assert f"chain --autofree --replace {server.url}/boot/ipxe/script?mac=" in reply.text


@pytest.mark.parametrize(
    "written", [MAC.upper(), MAC.replace(":", ""), "5254.0012.3456", "01-52-54-00-12-34-56"]
)
def test_any_of_the_machines_addresses_finds_its_node_however_it_is_written(
    server: BootServer, written: str
) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk", name="web1")
    text = script_for(server, f"52-54-00-00-00-01,{written},nonsense,", platform="efi")
    assert f"kernel {server.url}/boot/kernel/{boot_key(node)} selinux=0" in text
    (event,) = server.events(node, count=1)
    assert event.kind == "boot"
    assert "boots the ramdisk" in event.message
    assert event.data["platform"] == "efi"


def test_a_node_without_orders_boots_its_disk_and_that_is_in_its_history(
    server: BootServer,
) -> None:
    node = server.add_node(MAC, state="active")
    assert "sanboot" in script_for(server, MAC)
    assert server.events(node, count=1)[0].data["boots"] == "disk"


def test_a_stranger_cannot_push_the_history_out_by_asking_again_and_again(
    server: BootServer,
) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk")
    for number in range(3):
        script_for(server, f"52:54:00:00:00:{number:02x},{MAC}")
        get(server, f"/boot/kernel/{boot_key(node)}")
        get(server, f"/boot/kernel/{boot_key(node)}", Range=f"bytes={number}-")
    script, kernel = server.events(node, count=2)
    assert script.message == f"Machine asked what to boot (BIOS, {MAC}): boots the ramdisk"
    assert kernel.message.startswith("Machine fetched its kernel: ")


def test_what_a_machine_asks_after_it_was_switched_is_news(server: BootServer) -> None:
    node = server.add_node(MAC, state="active")
    script_for(server, MAC)
    with server.store.edit() as session:
        record_event(session, get_node(session, node), "power", "power: power off -> power on")
    script_for(server, MAC)
    script_for(server, MAC)
    assert [event.kind for event in server.events(node, count=3)] == ["boot", "power", "boot"]


def test_an_unknown_machine_is_told_so(server: BootServer) -> None:
    assert f"baremetal port create --node NODE {MAC}" in script_for(server, MAC)


def test_a_request_without_any_address_is_answered_too(server: BootServer) -> None:
    assert "MAC addresses: none given" in script_for(server, "")


def test_a_ramdisk_that_is_missing_is_an_error_on_the_screen_and_in_the_history(
    server: BootServer,
) -> None:
    node = server.add_node(MAC, state="cleaning", target="ramdisk", deploy_ramdisk="/etc/shadow")
    assert "cannot boot" in script_for(server, MAC)
    (event,) = server.events(node, count=1)
    assert event.severity == "ERROR"
    assert "outside of the folders" in event.message
    assert get(server, f"/boot/ramdisk/{boot_key(node)}").status_code == HTTPStatus.NOT_FOUND


def test_a_url_goes_straight_into_the_script(server: BootServer) -> None:
    server.add_node(
        MAC, state="cleaning", target="ramdisk", deploy_kernel="http://files.example/vmlinuz"
    )
    assert "kernel http://files.example/vmlinuz selinux=0" in script_for(server, MAC)


def test_inspection_calls_back_where_real_ironic_says(server: BootServer) -> None:
    server.add_node(MAC, state="inspect wait", target="ramdisk")
    assert f"ipa-inspection-callback-url={server.url}/v1/continue_inspection" in script_for(
        server, MAC
    )


def test_a_transfer_is_recorded_when_it_ends_with_size_and_time(server: BootServer) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk")
    reply = get(server, f"/boot/ramdisk/{boot_key(node)}")
    assert reply.content == RAMDISK
    assert reply.headers["Content-Length"] == str(len(RAMDISK))
    (event,) = server.events(node, count=1)
    assert event.data["file"] == "ramdisk"
    assert event.data["bytes"] == event.data["bytes_total"] == len(RAMDISK)
    assert event.data["seconds"] >= 0
    assert "Machine fetched its ramdisk: 3.0 MB in" in event.message


def test_a_transfer_that_breaks_off_is_a_warning_that_says_how_far_it_came(
    server: BootServer, tmp_path: Path
) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate(100_000_000)
    node = server.add_node(MAC, state="deploying", target="ramdisk", deploy_ramdisk=str(big))
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"GET /boot/ramdisk/{boot_key(node)} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        )
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
    (event,) = server.events(node, count=1)
    assert event.severity == "WARNING"
    assert event.data["bytes"] < event.data["bytes_total"] == 100_000_000
    assert "broke off fetching its ramdisk after" in event.message


def test_asking_for_the_head_transfers_and_records_nothing(server: BootServer) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk")
    reply = requests.head(f"{server.url}/boot/ramdisk/{boot_key(node)}", timeout=10)
    assert reply.headers["Content-Length"] == str(len(RAMDISK))
    server.events(node, count=0, timeout_s=0.1)


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=10-99", 10, 100),
        ("bytes=2999000-", 2999000, 3_000_000),
        ("bytes=-5", 2999995, 3_000_000),
    ],
)
def test_a_range_is_served_for_resumed_downloads(
    server: BootServer, wanted: str, start: int, end: int
) -> None:
    reply = get(server, "/images/deep/disk.raw", Range=wanted)
    assert reply.status_code == HTTPStatus.PARTIAL_CONTENT
    assert reply.content == RAMDISK[start:end]
    assert reply.headers["Content-Range"] == f"bytes {start}-{end - 1}/{len(RAMDISK)}"


def test_a_range_of_another_version_of_the_file_gives_the_whole_file(server: BootServer) -> None:
    reply = get(server, "/images/deep/disk.raw", **{"Range": "bytes=10-99", "If-Range": '"old"'})
    assert reply.status_code == HTTPStatus.OK
    assert len(reply.content) == len(RAMDISK)
    same = {"Range": "bytes=10-99", "If-Range": reply.headers["ETag"]}
    assert get(server, "/images/deep/disk.raw", **same).status_code == HTTPStatus.PARTIAL_CONTENT


def test_a_range_beyond_the_end_is_refused(server: BootServer) -> None:
    reply = get(server, "/images/deep/disk.raw", Range="bytes=5000000-")
    assert reply.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE


def test_an_image_that_has_not_changed_is_not_sent_again(server: BootServer) -> None:
    tag = get(server, "/images/deep/disk.raw").headers["ETag"]
    reply = get(server, "/images/deep/disk.raw", **{"If-None-Match": tag})
    assert reply.status_code == HTTPStatus.NOT_MODIFIED
    assert not reply.content


def test_an_image_arrives_whole_over_a_connection_that_is_used_again(server: BootServer) -> None:
    with requests.Session() as session:
        for _ in range(3):
            body = session.get(f"{server.url}/images/deep/disk.raw", timeout=10).content
            assert hashlib.sha256(body).digest() == hashlib.sha256(RAMDISK).digest()


@pytest.mark.parametrize(
    "path",
    [
        "/images/../kernel",
        "/images/%2e%2e/kernel",
        "/images/deep/..%2f..%2fkernel",
        "/images//etc/passwd",
        "/images/deep",
        "/boot/loader/notes.txt",
        "/boot/loader/..%2fkernel",
        "/boot/kernel/no-such-node",
    ],
)
def test_nothing_else_is_served(server: BootServer, path: str) -> None:
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        status = connection.makefile("rb").readline()
    assert status.split()[1] in (b"404", b"400", b"308")
    assert b"200" not in status


def test_the_first_loader_is_served_for_uefi_http_boot(server: BootServer) -> None:
    assert get(server, "/boot/loader/snponly.efi").content == b"MZ"


def test_two_hundred_addresses_find_a_node_by_the_last(server: BootServer) -> None:
    server.add_node(MAC, state="cleaning", target="ramdisk")
    others = [f"52:54:00:00:{number:02x}:01" for number in range(200)]
    assert "deploy_ramdisk" in script_for(server, ",".join([*others, MAC]))


def test_a_stranger_hears_the_same_of_a_machine_that_is_known_and_of_one_that_is_not(
    tmp_path: Path,
) -> None:
    settings = Settings(state_directory=str(tmp_path), listen_port=0, unknown_machine="local")
    with boot_server(tmp_path, settings) as server:
        node = server.add_node(MAC, state="active", name="web1")
        unknown = script_for(server, "52:54:00:99:99:99")
        assert script_for(server, MAC) == unknown.replace("52:54:00:99:99:99", MAC)
        paths = ("web1", node, boot_key(node), "no-such-node")
        replies = [
            get(server, f"/boot/{kind}/{one}") for kind in ("kernel", "ramdisk") for one in paths
        ]
        assert {(reply.status_code, reply.content) for reply in replies} == {
            (404, replies[0].content)
        }


def test_kernel_and_ramdisk_are_served_only_while_the_machine_boots_them(
    server: BootServer,
) -> None:
    node = server.add_node(MAC, state="cleaning", target="ramdisk")
    assert get(server, f"/boot/kernel/{boot_key(node)}").content == b"a kernel"
    with server.store.edit() as session:
        get_node(session, node).driver_internal_info = {}
    assert get(server, f"/boot/kernel/{boot_key(node)}").status_code == HTTPStatus.NOT_FOUND


def lease(server: BootServer, mac: str, address: str) -> None:
    take_lease(server.services, DhcpEvent(mac=mac, ip=address, at=time.time()), lease_s=3600)


def test_only_the_machine_with_the_leased_address_is_shown_its_nodes_name(
    server: BootServer,
) -> None:
    node = server.add_node(MAC, state="active", name="web1")
    assert "web1" not in script_for(server, MAC)
    lease(server, MAC, "192.0.2.9")
    assert "web1" not in script_for(server, MAC)
    lease(server, MAC, "127.0.0.1")
    assert f"Ingot: node web1 ({node})" in script_for(server, MAC)
    with server.store.read() as session:
        rows = session.scalars(select(NodeEvent).order_by(NodeEvent.id)).all()
        assert [row.is_foreign for row in rows if row.data["file"] == "script"] == [True, False]


def test_two_nodes_that_a_machine_fits_are_both_told_and_neither_is_booted(
    server: BootServer,
) -> None:
    other = "52:54:00:12:34:57"
    nodes = [
        server.add_node(mac, state="wait call-back", target="ramdisk", name=name)
        for mac, name in ((MAC, "one"), (other, "two"))
    ]
    text = script_for(server, f"{MAC},{other}")
    assert "several nodes have MAC addresses of this machine" in text
    assert "kernel" not in text
    for node in nodes:
        (event,) = server.events(node, count=1)
        assert "a machine fits the nodes one, two: nobody can say which it is" in event.message
    chosen = get(server, f"/boot/ipxe/script?mac={MAC},{other}&boot=01-{other.replace(':', '-')}")
    assert boot_key(nodes[1]) in chosen.text


def test_a_host_header_cannot_write_into_the_script(server: BootServer) -> None:
    for host in ("h||shell", "${uuid}", "a b", "h\x1b[2J"):
        reply = get(server, "/boot/ipxe", Host=host)
        assert reply.status_code == HTTPStatus.BAD_REQUEST
        assert not reply.text.startswith("#!ipxe")
