"""A download that goes wrong is resumed, or ends with a clear error and a disk that cannot boot."""

import base64
import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import DiskError, DiskInUse, ImageDownloadError, ImageError, NotFound
from agent.hardware.devices import BlockDevice
from agent.images.preparation import WriterSettings
from agent.images.source import RetryPolicy
from agent.images.writer import StreamingImageWriter
from agent.protocol.commands import Progress
from agent.protocol.image import ImageInfo
from agent.system.runner import HostRunner
from tests.integration.disk_images import (
    MIB,
    WRITE_PROGRAM,
    RawImage,
    gpt_image,
    packed,
    qcow2,
    run,
    sha256,
)
from tests.integration.image_server import ImageServer, image_server
from tests.integration.loop_disk import NOISE, LoopDisk, loop_disk

pytestmark = pytest.mark.root
DISK_BYTES = 64 * MIB
QUICK = RetryPolicy(tries=4, first_pause_s=0.01, longest_pause_s=0.05)


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    with loop_disk(tmp_path, DISK_BYTES) as made:
        yield made


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> RawImage:
    return gpt_image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def packed_qcow2(raw: RawImage) -> bytes:
    return qcow2(raw, "-c")


def write(disk: BlockDevice, image: ImageInfo, **settings: object) -> list[Progress]:
    reports: list[Progress] = []
    chosen = WriterSettings(**{"retry": QUICK, "stall_timeout_s": 1.0} | settings)  # type: ignore[arg-type]  # test's own words
    StreamingImageWriter(HostRunner(), chosen).write_image(image, None, disk, reports.append)
    return reports


def described(content: bytes, *urls: str, **more: str) -> ImageInfo:
    given = {"checksum": sha256(content)} | more
    return ImageInfo(id="image", urls=list(urls), **given)  # type: ignore[arg-type]  # test's own words


def assert_written(disk: LoopDisk, raw: RawImage) -> None:
    end = len(raw.content) - 34 * 512
    assert disk.read(MIB, end - MIB) == raw.content[MIB:end]
    assert "No problems found" in disk.run("sgdisk", "--verify")


def assert_unbootable(disk: LoopDisk) -> None:
    assert disk.read(0, MIB) == bytes(MIB)
    assert disk.read(disk.size_bytes - 34 * 512, 34 * 512) == bytes(34 * 512)


def assert_untouched(disk: LoopDisk) -> None:
    assert disk.read(0, MIB) == (NOISE * 2)[:MIB]


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
    assert starts[1] > 2 * MIB  # not from the beginning
    if not resets:
        assert starts[1] == 3_000_001  # not a byte twice
    assert {request.if_range for request in server.requests[1:]} == {'"one"'}
    assert any("lost at byte" in (report.message or "") for report in reports)


def test_a_qcow2_download_that_is_cut_goes_on_too(
    server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    url = server.serve("i", packed_qcow2, cuts=[-1, 10, -1, 2 * MIB, 3 * MIB])
    write(disk.device(), described(packed_qcow2, url))
    assert_written(disk, raw)


def test_a_server_without_range_is_read_again_from_the_start(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, cuts=[3_000_001], has_ranges=False)
    reports = write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)
    assert any("no Range" in (report.message or "") for report in reports)


def test_a_qcow2_image_without_range_is_kept_in_memory_and_says_so(
    server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    url = server.serve("i", packed_qcow2, has_ranges=False)
    reports = write(disk.device(), described(packed_qcow2, url))
    assert_written(disk, raw)
    assert any("no Range" in (report.message or "") for report in reports)


def test_a_server_that_tells_no_length_is_read_to_its_end(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content, has_ranges=False, has_length=False)
    write(disk.device(), described(raw.content, url))
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


@pytest.mark.parametrize("kind", ["raw", "qcow2", "zstd"])
def test_a_wrong_checksum_leaves_a_disk_that_cannot_boot(
    kind: str, server: ImageServer, disk: LoopDisk, raw: RawImage, packed_qcow2: bytes
) -> None:
    content = {"raw": raw.content, "qcow2": packed_qcow2, "zstd": packed(raw.content, "zstd")}[kind]
    url = server.serve("i", content)
    with pytest.raises(ImageError, match=rf"sha256 is {sha256(content)}, expected was {'0' * 64}"):
        write(disk.device(), described(content, url, checksum="0" * 64))
    assert_unbootable(disk)


def test_an_image_without_a_checksum_is_refused_before_anything_is_written(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("i", raw.content)
    with pytest.raises(ImageError, match=r"no checksum.*image_os_hash"):
        write(disk.device(), ImageInfo(id="image", urls=[url]))
    assert_untouched(disk)


def test_the_checksum_may_come_from_a_file_on_the_server(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    url = server.serve("disk.raw", raw.content)
    digest = hashlib.sha512(raw.content).hexdigest()
    listing = server.serve("SHA512SUMS", f"{'1' * 128}  other.raw\n{digest} *disk.raw\n".encode())
    image = ImageInfo(id="i", urls=[url], os_hash_algo="sha512", os_hash_value=listing)
    write(disk.device(), image)
    assert_written(disk, raw)


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
def test_an_image_larger_than_the_disk_is_refused_before_anything_is_written(
    kind: str, server: ImageServer, disk: LoopDisk, tmp_path: Path
) -> None:
    large = gpt_image(tmp_path, size_bytes=DISK_BYTES + MIB)
    content = large.content if kind == "raw" else qcow2(large)
    url = server.serve("i", content)
    with pytest.raises(ImageError, match=f"needs {DISK_BYTES + MIB} bytes.*has {DISK_BYTES}"):
        write(disk.device(), described(content, url))
    assert_untouched(disk)


def test_a_format_that_was_not_announced_is_refused(
    server: ImageServer, disk: LoopDisk, packed_qcow2: bytes
) -> None:
    url = server.serve("i", packed_qcow2)
    with pytest.raises(ImageError, match="its content is qcow2, but disk_format says raw"):
        write(disk.device(), described(packed_qcow2, url, disk_format="raw"))
    assert_untouched(disk)


def test_a_qcow2_image_with_a_backing_file_is_refused(
    server: ImageServer, disk: LoopDisk, raw: RawImage, tmp_path: Path
) -> None:
    overlay = tmp_path / "overlay.qcow2"
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", str(raw.file), "-F", "raw", str(overlay))
    url = server.serve("i", overlay.read_bytes())
    with pytest.raises(ImageError, match="backing file"):
        write(disk.device(), described(overlay.read_bytes(), url))
    assert_untouched(disk)


def test_a_mounted_disk_is_refused_with_the_mount_point(
    server: ImageServer, raw: RawImage, tmp_path: Path
) -> None:
    url = server.serve("i", raw.content)
    place = tmp_path / "mounted"
    place.mkdir()
    with loop_disk(tmp_path, DISK_BYTES, noise=False) as disk:
        disk.run("mkfs.ext4", "-q")
        run("mount", str(disk.path), str(place))
        try:
            with pytest.raises(DiskInUse, match=f"mounted on {place}"):
                write(disk.device(), described(raw.content, url))
        finally:
            run("umount", str(place))


def test_a_file_is_no_disk(server: ImageServer, raw: RawImage, disk: LoopDisk) -> None:
    url = server.serve("i", raw.content)
    device = BlockDevice(
        path=disk.file,
        size_bytes=DISK_BYTES,
        logical_sector_bytes=512,
        physical_sector_bytes=512,
        is_rotational=False,
    )
    with pytest.raises(NotFound, match="not a block device"):
        write(device, described(raw.content, url))
    assert_untouched(disk)


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


def test_a_write_protected_disk_is_refused_by_name(
    server: ImageServer, raw: RawImage, tmp_path: Path
) -> None:
    url = server.serve("i", raw.content)
    with loop_disk(tmp_path, DISK_BYTES) as disk:
        disk.run("blockdev", "--setro")
        try:
            with pytest.raises(DiskError, match=f"{disk.path}.*write-protected"):
                write(disk.device(), described(raw.content, url))
        finally:
            disk.run("blockdev", "--setrw")  # outlives the loop device otherwise
        assert_untouched(disk)


def test_a_disk_that_fails_in_the_middle_is_named_with_the_place(
    server: ImageServer, raw: RawImage, tmp_path: Path
) -> None:
    url = server.serve("i", raw.content)
    place = tmp_path / "small"
    place.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(place))
    try:
        with loop_disk(place, DISK_BYTES, noise=False) as disk:
            with pytest.raises(
                DiskError, match=rf"{disk.path}: [\w ]+ at byte \d+|{disk.path}: flush"
            ):
                write(disk.device(), described(raw.content, url))
            assert disk.read(0, MIB) == bytes(MIB)
    finally:
        run("umount", str(place))


def test_an_agent_that_is_killed_in_the_middle_leaves_a_disk_that_cannot_boot(
    server: ImageServer, disk: LoopDisk, raw: RawImage
) -> None:
    disk.run("sgdisk", "--zap-all")
    disk.run("sgdisk", "-n", "1:1M:+8M")
    url = server.serve("i", raw.content, stalls=[20 * MIB])
    arguments = (url, sha256(raw.content), str(disk.path), str(disk.size_bytes))
    child = subprocess.Popen([sys.executable, "-c", WRITE_PROGRAM, *arguments])
    try:
        deadline = time.monotonic() + 30
        while disk.read(8 * MIB, MIB) != raw.content[8 * MIB : 9 * MIB]:
            assert time.monotonic() < deadline
            assert child.poll() is None
            time.sleep(0.05)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    run("blockdev", "--flushbufs", str(disk.path))
    assert_unbootable(disk)
    server.serve("i", raw.content)
    write(disk.device(), described(raw.content, url))
    assert_written(disk, raw)
