"""What a step fetches comes as an image comes: resumed, verified, bounded, stopped; nothing half is left behind."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.errors import ImageDownloadError, ImageError, Stopped
from agent.hardware.image_rules import ImageRules
from agent.images.download import Downloader
from agent.protocol.commands import Progress
from agent.system.stop_signal import StopSignal
from tests.integration.image_server import ImageServer, image_server

CONTENT = bytes(range(256)) * 8192
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[ImageServer]:
    with image_server() as running:
        yield running


class Bench:
    """A downloader and what it reported."""

    def __init__(self, rules: ImageRules, node: dict[str, Any] | None = None) -> None:
        self.reports: list[Progress] = []
        self.stop = StopSignal()
        self.fetch = Downloader(rules, node or {}, self.reports.append, self.stop)


def test_a_file_is_fetched_whole_over_a_broken_connection(
    server: ImageServer, tmp_path: Path
) -> None:
    url = server.serve("drive.bin", CONTENT, cuts=[700_000])
    bench = Bench(ImageRules())
    got = bench.fetch(url, tmp_path, f"sha256:{DIGEST}")
    assert (got, got.read_bytes()) == (tmp_path / "drive.bin", CONTENT)
    assert server.ranges() == ["bytes=0-", "bytes=700000-"]
    assert bench.reports[-1].bytes_total == bench.reports[-1].bytes_done == len(CONTENT)
    assert {report.phase for report in bench.reports} == {"fetch"}


@pytest.mark.parametrize(
    ("checksum", "most_bytes", "complaint"),
    [
        ("0" * 64, 1 << 30, f"its sha256 is {DIGEST}, expected was 0000"),
        (None, 1 << 30, "no checksum is given; name its sha256"),
        ("abc", 1 << 30, "'abc' is no checksum"),
        (DIGEST, 1 << 20, f"{len(CONTENT)} bytes or more, at most {1 << 20} are taken"),
    ],
)
def test_what_is_not_as_wanted_leaves_no_file(
    server: ImageServer, tmp_path: Path, checksum: str | None, most_bytes: int, complaint: str
) -> None:
    url = server.serve("drive.bin", CONTENT)
    with pytest.raises((ImageError, ImageDownloadError), match=complaint):
        Bench(ImageRules()).fetch(url, tmp_path, checksum, most_bytes)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_hides_the_size_cannot_send_more_than_is_taken(
    server: ImageServer, tmp_path: Path
) -> None:
    url = server.serve("endless", CONTENT, has_length=False, has_ranges=False)
    with pytest.raises(ImageDownloadError, match="at most 1000000 are taken"):
        Bench(ImageRules()).fetch(url, tmp_path / "x", DIGEST, 1_000_000)
    assert list(tmp_path.iterdir()) == []


def test_the_operators_rules_for_images_count(server: ImageServer, tmp_path: Path) -> None:
    url = server.serve("..%2f..%2fetc", CONTENT)
    server.serve("../../etc", CONTENT)
    got = Bench(ImageRules(allow_unverified=True)).fetch(url, tmp_path)
    assert got == tmp_path / "download"
    with pytest.raises(ImageDownloadError, match="folders"):
        Bench(ImageRules()).fetch("file:///etc/hostname", tmp_path, DIGEST)


def test_the_proxy_of_the_node_is_asked(server: ImageServer, tmp_path: Path) -> None:
    server.serve("drive.bin", CONTENT)
    server.files["http://firmware.test/drive.bin"] = server.files["/drive.bin"]
    node = {"driver_info": {"image_http_proxy": f"127.0.0.1:{server.server_port}"}}
    got = Bench(ImageRules(), node).fetch("http://firmware.test/drive.bin", tmp_path, DIGEST)
    assert got.read_bytes() == CONTENT
    assert server.requests[-1].host == "firmware.test"


def test_a_stop_ends_the_pause_before_the_next_try(server: ImageServer, tmp_path: Path) -> None:
    url = server.serve("drive.bin", CONTENT, statuses=[503] * 20)
    bench = Bench(ImageRules())
    threading.Timer(0.5, bench.stop.set).start()
    with pytest.raises(Stopped, match="the download was stopped"):
        bench.fetch(url, tmp_path, DIGEST)
    assert list(tmp_path.iterdir()) == []
