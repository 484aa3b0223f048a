"""The image store of a real controller: images come from servers that break off, by uploads in pieces, and go again."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.controller_process import controller_process
from tests.integration.image_server import ImageServer
from tests.integration.waiting import wait_until

CONTENT = os.urandom(3 << 20)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def ask(url: str, method: str = "GET", body: object = None) -> Any:
    kind, data = "application/octet-stream", None
    if isinstance(body, bytes):
        data = body
    elif body is not None:
        kind, data = "application/json", json.dumps(body).encode()
    request = urllib.request.Request(url, data, method=method)  # loopback
    request.add_header("Content-Type", kind)
    request.add_header("X-OpenStack-Ironic-API-Version", "1.115")
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            found = reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    return reply.status, json.loads(found) if found else None


def image(url: str, name: str) -> dict[str, Any]:
    status, found = ask(f"{url}/v1/images/{name}")
    assert status == 200, found
    return dict(found)


def settled(url: str, name: str) -> dict[str, Any]:
    """Wait until an image is whole or has failed."""
    wait_until(lambda: image(url, name)["status"] in {"active", "failed"}, 20, "the image")
    return image(url, name)


def stored(folder: Path) -> set[str]:
    return {path.name for path in (folder / "state/image-store").glob("*")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("controller")


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A controller for all tests that do not end it; each has images of its own."""
    with controller_process(folder, image_store_free_mib=1) as running:
        yield running


@pytest.mark.parametrize(
    "faults",
    [
        {},
        {"has_ranges": False},
        {"has_length": False, "has_ranges": False},
        {"cuts": [1 << 20, 1 << 20]},
        {"statuses": [503]},
    ],
    ids=["ranges", "no-ranges", "no-length", "breaks-off", "busy"],
)
def test_an_image_is_fetched_once_hashed_and_served(
    url: str, folder: Path, server: ImageServer, faults: dict[str, Any]
) -> None:
    name = "-".join(["debian", *faults])
    source = server.serve("disk.raw", CONTENT, **faults)
    status, made = ask(f"{url}/v1/images", "POST", {"name": name, "urls": [source]})
    assert status == 201, made
    found = settled(url, name)
    assert (found["status"], found["last_error"]) == ("active", None)
    assert (found["os_hash_value"], found["size_bytes"]) == (DIGEST, len(CONTENT))
    assert found["copies"] == [
        {"conductor": "lab-1", "status": "active", "bytes_done": len(CONTENT)}
    ]
    assert found["uuid"] in stored(folder)
    request = urllib.request.Request(f"{url}/images/store/{found['uuid']}")
    request.add_header("Range", "bytes=1000000-1000099")
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert reply.status == 206
        assert reply.read() == CONTENT[1_000_000:1_000_100]


def test_a_mirror_goes_on_where_the_first_address_fails(url: str, server: ImageServer) -> None:
    first = server.serve("gone.raw", CONTENT, cuts=[1 << 20] * 50)
    second = server.serve("there.raw", CONTENT)
    body = {"name": "two", "urls": [first, second], "os_hash_value": DIGEST}
    assert ask(f"{url}/v1/images", "POST", body)[0] == 201
    assert settled(url, "two")["status"] == "active"
    assert any(one.path == "/there.raw" for one in server.requests)


def test_without_a_checksum_parts_of_two_files_never_become_one(
    url: str, server: ImageServer
) -> None:
    source = server.serve("disk.raw", CONTENT, cuts=[1 << 20], etags=['"old"', '"new"'])
    assert ask(f"{url}/v1/images", "POST", {"name": "changing", "urls": [source]})[0] == 201
    found = settled(url, "changing")
    assert (found["status"], found["os_hash_value"]) == ("active", DIGEST)
    assert server.ranges()[-1].startswith("bytes=0-")  # type: ignore[union-attr]


def test_another_file_than_the_checksum_says_is_not_kept(
    url: str, folder: Path, server: ImageServer
) -> None:
    source = server.serve("disk.raw", CONTENT)
    body = {"name": "wrong", "urls": [source], "os_hash_value": "0" * 64}
    assert ask(f"{url}/v1/images", "POST", body)[0] == 201
    found = settled(url, "wrong")
    assert found["status"] == "failed"
    assert DIGEST in found["last_error"]
    assert not {found["uuid"], found["uuid"] + ".part"} & stored(folder)
    patch = [{"op": "replace", "path": "/os_hash_value", "value": DIGEST}]
    assert ask(f"{url}/v1/images/wrong", "PATCH", patch)[0] == 200
    assert settled(url, "wrong")["status"] == "active"


def test_a_server_without_the_file_is_named_with_its_answer(url: str, server: ImageServer) -> None:
    missing = server.url("missing.raw?token=s3cr3t")
    assert ask(f"{url}/v1/images", "POST", {"name": "none", "urls": [missing]})[0] == 201
    found = settled(url, "none")
    assert found["status"] == "failed"
    assert "answers 404" in found["last_error"]
    assert "s3cr3t" not in json.dumps(found)


def test_an_upload_goes_on_where_it_stopped(url: str, folder: Path) -> None:
    assert ask(f"{url}/v1/images", "POST", {"name": "sent"})[0] == 201
    place = f"{url}/v1/images/sent/file?size_bytes={len(CONTENT)}&start_byte="
    half = 1 << 20
    assert ask(place + "0", "PUT", CONTENT[:half])[0] == 202
    status, said = ask(place + str(2 * half), "PUT", CONTENT[2 * half :])
    assert (status, f"begins with byte {half}" in said) == (409, True)
    assert image(url, "sent")["copies"][0]["bytes_done"] == half
    assert ask(place + str(half), "PUT", CONTENT[half:])[0] == 202
    found = settled(url, "sent")
    assert (found["status"], found["os_hash_value"]) == ("active", DIGEST)
    assert ask(place + "0", "PUT", CONTENT[:half])[0] == 409
    assert ask(f"{url}/v1/images/sent", "DELETE")[0] == 204
    wait_until(lambda: found["uuid"] not in stored(folder), 10, "the file to go")


def test_a_later_piece_of_an_upload_gets_no_more_room_than_there_is(url: str, folder: Path) -> None:
    made = ask(f"{url}/v1/images", "POST", {"name": "grown"})[1]
    place = f"{url}/v1/images/grown/file?size_bytes="
    assert ask(f"{place}10&start_byte=0", "PUT", b"12345")[0] == 202
    status, said = ask(f"{place}{1 << 60}&start_byte=5", "PUT", b"67890")
    assert (status, "do not fit into the image store" in said) == (409, True)
    assert (folder / f"state/image-store/{made['uuid']}.part").stat().st_size == 5
    assert ask(f"{url}/v1/images/grown", "DELETE")[0] == 204


def test_an_upload_under_a_known_name_is_the_image_that_was_registered(
    url: str, tmp_path: Path
) -> None:
    path = tmp_path / "disk.raw"
    path.write_bytes(CONTENT)

    def upload(*words: str) -> subprocess.CompletedProcess[str]:
        program = str(Path(sys.executable).with_name("ingot"))
        argv = [program, "--url", url, "image", "upload", "named", str(path), *words]
        return subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)

    body = {"name": "named", "os_hash_value": DIGEST, "disk_format": "raw"}
    assert ask(f"{url}/v1/images", "POST", body)[0] == 201
    for words, said in (
        (("--checksum", f"sha256:{'0' * 64}"), f"registered with os_hash_value {DIGEST}, not 000"),
        (("--checksum", f"sha512:{'0' * 128}"), "registered with os_hash_algo sha256, not sha512"),
        (("--disk-format", "qcow2"), "registered with disk_format raw, not qcow2"),
    ):
        refused = upload(*words)
        assert refused.returncode == 1, refused.stderr
        assert said in " ".join(refused.stderr.split())
    assert image(url, "named")["copies"] == []
    done = upload("--checksum", f"sha256:{DIGEST.upper()}", "--disk-format", "raw", "--wait")
    assert done.returncode == 0, done.stderr
    assert image(url, "named")["status"] == "active"


def test_a_small_store_lets_go_of_what_can_be_had_again(
    tmp_path: Path, server: ImageServer
) -> None:
    sources = [server.serve(f"{number}.raw", CONTENT) for number in range(3)]
    with controller_process(tmp_path, image_store_free_mib=1, image_store_mib=7) as url:
        for number, source in enumerate(sources):
            body = {"name": f"i{number}", "urls": [source]}
            assert ask(f"{url}/v1/images", "POST", body)[0] == 201
            assert settled(url, f"i{number}")["status"] == "active"
        assert [bool(image(url, f"i{number}")["copies"]) for number in range(3)] == [
            False,
            True,
            True,
        ]
        big = server.serve("big.raw", bytes(8 << 20))
        assert ask(f"{url}/v1/images", "POST", {"name": "big", "urls": [big]})[0] == 201
        found = settled(url, "big")
        assert found["status"] == "failed"
        assert "do not fit into the image store" in found["last_error"]
        assert image(url, "i1")["copies"]


def test_killed_in_the_middle_it_goes_on_after_the_next_start(
    tmp_path: Path, server: ImageServer
) -> None:
    source = server.serve("disk.raw", CONTENT, stalls=[1 << 20, -1])
    body = {"name": "cut", "urls": [source], "os_hash_value": DIGEST}
    with controller_process(tmp_path, image_store_free_mib=1) as url:
        assert ask(f"{url}/v1/images", "POST", body)[0] == 201
        wait_until(lambda: bool(server.requests), 20, "the request")
        found = re.search(r'"pid": ?(\d+)', (tmp_path / "controller.log").read_text())
        pid = int(found[1]) if found else _pid_of(tmp_path)
        os.kill(pid, signal.SIGKILL)
    with controller_process(tmp_path, image_store_free_mib=1) as url:
        assert settled(url, "cut")["status"] == "active"


def test_a_file_that_vanished_is_noticed(tmp_path: Path, server: ImageServer) -> None:
    source = server.serve("disk.raw", CONTENT)
    with controller_process(tmp_path, image_store_free_mib=1) as url:
        assert ask(f"{url}/v1/images", "POST", {"name": "kept", "urls": [source]})[0] == 201
        assert ask(f"{url}/v1/images", "POST", {"name": "sent"})[0] == 201
        place = f"{url}/v1/images/sent/file?size_bytes={len(CONTENT)}&start_byte=0"
        assert ask(place, "PUT", CONTENT)[0] == 202
        uuids = [settled(url, name)["uuid"] for name in ("kept", "sent")]
    for uuid in uuids:
        (tmp_path / "state/image-store" / uuid).unlink()
    stray = tmp_path / "state/image-store/11111111-2222-3333-4444-555555555555.part"
    stray.write_bytes(b"x")
    with controller_process(tmp_path, image_store_free_mib=1) as url:
        wait_until(lambda: not image(url, "kept")["copies"], 20, "the look")
        assert image(url, "kept")["status"] == "active"  # it has an address
        assert "upload it again" in image(url, "sent")["last_error"]
        assert not stray.exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "name"),
        ({"name": "a/b"}, "name must be"),
        ({"name": "a", "urls": ["ftp://x/y"]}, "no http or https URL"),
        ({"name": "a", "urls": "http://x/y"}, "must be a list"),
        ({"name": "a", "os_hash_value": "12"}, "os_hash_value"),
        ({"name": "a", "os_hash_value": "0" * 64, "os_hash_algo": "sha512"}, "os_hash_value"),
        ({"name": "a", "disk_format": "vmdk"}, "disk_format must be"),
        ({"name": "a", "status": "active"}, "status"),
    ],
)
def test_a_bad_registration_says_what_is_wrong(url: str, body: object, words: str) -> None:
    status, said = ask(f"{url}/v1/images", "POST", body)
    assert (status, words in said) == (400, True), said


def _pid_of(folder: Path) -> int:
    found = subprocess.run(
        ["pgrep", "-f", f"{Path(sys.executable).with_name('ingot-controller')}.*{folder}"],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(found.stdout.split()[0])
