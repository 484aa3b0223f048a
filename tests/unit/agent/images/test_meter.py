from agent.images.flow.meter import Meter
from agent.protocol.commands import Progress
from agent.protocol.receipt import PhaseTime


def test_the_bytes_on_the_disk_are_reported_beside_those_of_the_wire() -> None:
    now = 0.0
    reports: list[Progress] = []
    meter = Meter(reports.append, lambda: now)
    meter.begin("connect")
    assert (reports[-1].disk_bytes_done, reports[-1].disk_bytes_total) == (None, None)
    on_disk = 0
    meter.watch_disk(lambda: on_disk, 4000)
    meter.begin("write", 1000)
    now, on_disk = 1.0, 3000
    meter.advance(500)
    assert (reports[-1].bytes_done, reports[-1].bytes_total) == (500, 1000)
    assert (reports[-1].disk_bytes_done, reports[-1].disk_bytes_total) == (3000, 4000)


def test_the_phases_of_a_transfer_add_up_to_its_time() -> None:
    now = 10.0
    meter = Meter(lambda _report: None, lambda: now)
    meter.begin("connect")
    now += 1
    meter.begin("write", 100)
    meter.advance(100)
    now += 5
    meter.begin("flush")
    now += 2
    meter.begin("config drive", 10)
    now += 0.5
    meter.begin("flush")
    now += 3
    assert meter.finish() == (
        PhaseTime(phase="connect", seconds=1.0),
        PhaseTime(phase="write", seconds=5.0, bytes_done=100),
        PhaseTime(phase="flush", seconds=5.0),
        PhaseTime(phase="config drive", seconds=0.5),
    )
