"""An image write is stopped before its first byte, and says why not from then on."""

import threading

import pytest

from agent.errors import CannotStop, Stopped
from agent.images.writer import StreamingImageWriter
from agent.protocol.commands import Progress
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
from tests.integration.disk_images import RawImage
from tests.integration.image_server import ImageServer
from tests.integration.image_writing import assert_untouched, assert_written, described
from tests.integration.loop_disk import LoopDisk

pytestmark = pytest.mark.root


def test_a_stop_while_the_server_is_tried_again_leaves_the_disk_alone(
    disk: LoopDisk, server: ImageServer, raw: RawImage
) -> None:
    url = server.serve("image", raw.content, statuses=[503] * 20)
    stop = StopSignal()
    threading.Timer(0.5, stop.set).start()
    with pytest.raises(Stopped, match="the image write was stopped"):
        StreamingImageWriter(HostRunner()).write_image(
            described(raw.content, url), None, disk.device(), lambda _report: None, stop=stop
        )
    assert_untouched(disk)


def test_a_write_that_has_begun_refuses_and_ends_well(
    disk: LoopDisk, server: ImageServer, raw: RawImage
) -> None:
    stop = StopSignal()
    refusals: list[str] = []

    def try_to_stop(report: Progress) -> None:
        if report.phase == "write" and not refusals:
            with pytest.raises(CannotStop) as refused:
                stop.set()
            refusals.append(str(refused.value))

    StreamingImageWriter(HostRunner()).write_image(
        described(raw.content, server.serve("image", raw.content)),
        None,
        disk.device(),
        try_to_stop,
        stop=stop,
    )
    assert "half of it cannot boot" in refusals[0]
    assert_written(disk, raw)
