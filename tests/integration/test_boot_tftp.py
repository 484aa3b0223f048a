"""GRUB's way to the controller: the gateway's process, asked by TFTP as GRUB asks, in front of the real boot routes."""

import os
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.boot.tftp import gateway
from controller.boot.tftp_server import TftpGateway
from controller.settings import Settings
from tests.integration.boot_server import BootServer, boot_key, boot_server
from tests.integration.tftp_client import TftpError, read_file
from tests.integration.waiting import wait_until

pytestmark = [pytest.mark.timeout(60)]
MAC = "52:54:00:aa:00:01"
KERNEL = os.urandom(300_000)
QUESTION = f"/grub/script?mac={MAC}&boot={MAC}&platform=efi&buildarch=x86_64&uuid=&serial=A B"


def free_port() -> int:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        probe.bind(("::", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BootServer]:
    (tmp_path / "kernel").write_bytes(KERNEL)
    settings = Settings(
        state_directory=str(tmp_path),
        listen_host="127.0.0.1",
        listen_port=0,
        deploy_kernel=str(tmp_path / "kernel"),
        deploy_ramdisk=str(tmp_path / "kernel"),
    )
    with boot_server(tmp_path, settings) as made:
        yield made


@pytest.fixture
def port(server: BootServer) -> Iterator[int]:
    port = free_port()
    settings = replace(server.services.settings, listen_port=int(server.url.rpartition(":")[2]))
    made = TftpGateway(settings, server.services.gateway_key, port=port)
    made.start()
    yield port
    made.stop()


def test_a_machine_gets_its_script_and_what_the_script_names(server: BootServer, port: int) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk", name="web1")
    script = read_file(port, QUESTION).decode()
    assert f"if linux '/boot/kernel/{boot_key(node)}' 'selinux=0'" in script
    assert f"'BOOTIF={MAC}'" in script
    assert read_file(port, f"/boot/kernel/{boot_key(node)}") == KERNEL
    assert read_file(port, f"boot/ramdisk/{boot_key(node)}", window=8) == KERNEL
    assert read_file(port, f"boot/ramdisk/{boot_key(node)}", options=False) == KERNEL
    messages = [event.message for event in server.events(node, count=3)]
    assert "asked what to boot (UEFI" in messages[0]
    assert "fetched its kernel" in messages[1]


def test_the_controller_is_told_who_asks_and_believes_nobody_else(
    server: BootServer, port: int
) -> None:
    node = server.add_node(MAC, state="wait call-back", target="ramdisk")
    read_file(port, QUESTION, host="127.0.0.2", source="127.0.0.3")
    assert server.events(node, count=1)[0].data["address"] == "127.0.0.3"
    with server.store.read() as session:
        assert server.node(session, node).driver_internal_info["boot_asker"] == "127.0.0.3"


def test_ipv6_clients_are_answered(server: BootServer, port: int) -> None:
    assert b"this machine is not known" in read_file(port, QUESTION, host="::1")


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "/boot/kernel/../../v1/nodes", "/boot/kernel/unknown", "", "/v1/nodes"]
)
def test_there_are_no_other_files(port: int, name: str) -> None:
    with pytest.raises(TftpError, match="1 "):
        read_file(port, name)


def test_one_client_cannot_take_all_places(port: int) -> None:
    silent = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(40)]
    for one in silent:
        one.bind(("127.0.0.9", 0))
        request = b"\0\x01" + QUESTION.encode() + b"\0octet\0"
        one.sendto(request, ("127.0.0.1", port))
    assert b"this machine is not known" in read_file(port, QUESTION)
    answered = 0
    for one in silent:
        one.settimeout(0.2)
        try:
            answered += bool(one.recv(2048))
        except TimeoutError:
            continue
        finally:
            one.close()
    assert 0 < answered <= 8


def test_a_controller_that_does_not_answer_is_said_to_the_client(server: BootServer) -> None:
    port = free_port()
    settings = replace(server.services.settings, listen_port=9)
    made = TftpGateway(settings, "key", port=port)
    made.start()
    try:
        with pytest.raises(TftpError, match="the controller does not answer"):
            read_file(port, QUESTION)
    finally:
        made.stop()


def test_a_kernel_without_ipv6_serves_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old(socket.socket):
        def __init__(self, family: int = -1, *words: int, **more: Any) -> None:
            if family == socket.AF_INET6:
                raise OSError("Address family not supported by protocol")
            super().__init__(family, *words, **more)

    port = free_port()
    monkeypatch.setattr(socket, "socket", Old)
    upstream = gateway.Upstream(host="127.0.0.1", port=9, key="k")
    threading.Thread(target=gateway.serve, args=(port, upstream, ""), daemon=True).start()
    wait_until(lambda: refusal(port) == "0 the controller does not answer", 10, "an answer")


def refusal(port: int) -> str:
    """Return what the server says; empty = nothing yet."""
    try:
        read_file(port, QUESTION, timeout_s=0.5)
    except TftpError as error:
        return str(error)
    except OSError:
        return ""
    return "a file"
