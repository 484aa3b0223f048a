"""A download that goes wrong is resumed, or ends with a clear error and a disk that cannot boot."""

import base64
import hashlib
import random
import socket

import pytest

from agent.errors import ImageDownloadError
from agent.images.sources import connections
from agent.images.sources.source import RetryPolicy
from agent.protocol.image import ImageInfo
from tests.integration.disk_images import MIB, RawImage, sha256
from tests.integration.image_server import ImageServer, image_server
from tests.integration.image_writing import (
    assert_unbootable,
    assert_untouched,
    assert_written,
    described,
    write,
)
from tests.integration.loop_disk import LoopDisk

pytestmark = pytest.mark.root


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_two_hundred_cuts_at_random_bytes_leave_the_image_byte_for_byte(
    kind: str, server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    content = raw.content if kind == "raw" else packed_qcow2
    source = random.Random(11)  # where the connections break
    cuts = [source.randint(1, 2 * len(content) // 205) for _ in range(200)]
    url = server.serve("i", content, cuts=cuts)
    patient = RetryPolicy(tries=10, first_pause_s=0, sleep=lambda _s: None)
    write(disk.device(), described(content, url), retry=patient)
    assert_written(disk, raw)
    assert not server.files["/i"].cuts
    assert len(server.requests) > 200


@pytest.mark.parametrize("resets", [False, True], ids=["closed", "reset"])
def test_a_cut_connection_goes_on_where_it_stopped(
    resets: bool, server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, cuts=[3_000_001, 5 * MIB, 0], resets=resets)
    reports = write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)
    starts = [int((text or "").removeprefix("bytes=").rstrip("-")) for text in server.ranges()]
    assert starts[0] == 0
    assert starts == sorted(starts)
    if resets:
        assert starts[1] > 0  # a reset throws away what was not read yet
    else:
        assert starts[1] == 3_000_001  # not a byte twice
    assert {request.if_range for request in server.requests[1:]} == {'"one"'}
    assert any("lost at byte" in (report.message or "") for report in reports)


def test_a_qcow2_download_that_is_cut_goes_on_too(
    server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    url = server.serve("i", packed_qcow2, cuts=[-1, 10, -1, 2 * MIB, 3 * MIB])
    write(disk.device(), described(packed_qcow2, url))
    assert_written(disk, raw)


def test_a_stalled_connection_is_given_up_and_resumed(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, stalls=[2 * MIB])
    reports = write(disk.device(), described(raw.content, url), stall_timeout_s=0.3)
    assert_written(disk, raw)
    assert any("nothing came for the whole time limit" in (r.message or "") for r in reports)


def test_a_file_that_changes_during_the_download_is_an_error(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, cuts=[3 * MIB], etags=['"one"', '"two"'])
    with pytest.raises(ImageDownloadError, match=r"changed during the download.*ETag"):
        write(disk.device(), described(raw.content, url))
    assert_unbootable(disk)


def test_a_server_that_always_breaks_off_is_given_up_after_the_tries(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, cuts=[2 * MIB] + [0] * 20)
    with pytest.raises(ImageDownloadError, match=f"gave up at byte {2 * MIB} after 4 tries"):
        write(disk.device(), described(raw.content, url))
    assert_unbootable(disk)


def test_much_may_be_under_way_on_a_long_line() -> None:
    with socket.socket() as connected:
        connections._widen(connected)
        assert connected.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 3 * MIB


def test_a_busy_server_is_asked_again(server: ImageServer, disk: LoopDisk, raw: RawImage) -> None:
    url = server.serve("i", raw.content, statuses=[503, 429])
    write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)


def test_a_missing_image_fails_at_once_and_shows_no_secret(
    server: ImageServer, disk: LoopDisk
) -> None:
    url = server.url("gone.raw").replace("//", "//user:secret@") + "?token=hidden"
    with pytest.raises(ImageDownloadError, match=r"gone\.raw.*HTTP status 404") as caught:
        write(disk.device(), described(b"", url))
    assert "secret" not in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert len(server.requests) == 1
    assert_untouched(disk)


def test_the_second_url_is_tried_when_the_first_is_refused(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content)
    write(disk.device(), described(raw.content, server.url("gone"), url))
    assert_written(disk, raw)


def test_the_checksum_may_come_from_a_file_on_the_server(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("disk.raw", raw.content)
    digest = hashlib.sha512(raw.content).hexdigest()
    listing = server.serve("SHA512SUMS", f"{'1' * 128}  other.raw\n{digest} *disk.raw\n".encode())
    image = ImageInfo(id="i", urls=[url], os_hash_algo="sha512", os_hash_value=listing)
    write(disk.device(), image)
    assert_written(disk, raw)


def test_credentials_reach_the_server_and_not_the_one_it_redirects_to(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    with image_server() as other:
        target = other.serve("i", raw.content).replace("127.0.0.1", "localhost")
        url = server.serve("i", b"", location=target)
        header = base64.b64encode(b"Bearer sesame").decode()
        image = described(raw.content, url, image_request_authorization=header)
        write(disk.device(), image)
        assert_written(disk, raw)
        assert server.requests[0].authorization == "Bearer sesame"
        assert [request.authorization for request in other.requests] == [None]


def test_user_and_password_are_sent_as_basic_authentication(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, login="tux:sesame")
    more = {"image_server_auth_strategy": "http_basic", "image_server_user": "tux"}
    write(disk.device(), described(raw.content, url, **more, image_server_password="sesame"))
    with pytest.raises(ImageDownloadError, match=r"401.*credentials"):
        write(disk.device(), described(raw.content, url, **more, image_server_password="wrong"))


def test_a_proxy_is_used_unless_the_host_is_exempt(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    server.serve("i", raw.content)
    url = "http://images.invalid/i"
    image = ImageInfo(
        id="i", urls=[url], checksum=sha256(raw.content), proxies={"http": server.url("")}
    )
    write(disk.device(), image)
    assert_written(disk, raw)
    assert server.requests[0].path == url
    exempt = ImageInfo(
        id="i",
        urls=[server.url("i")],
        checksum=sha256(raw.content),
        proxies={"http": "http://127.0.0.1:1"},
        no_proxy="127.0.0.1",
    )
    write(disk.device(), exempt)
