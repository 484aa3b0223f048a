import io

from agent.by_hand.bar import Bar, line_of, size
from agent.protocol.commands import Progress


def test_a_line_says_all_that_is_known() -> None:
    progress = Progress(
        phase="write",
        bytes_done=25_000_000,
        bytes_total=100_000_000,
        disk_bytes_done=80_000_000,
        rate_bytes_per_s=5e6,
        time_left_s=15.0,
    )
    assert line_of(progress) == (
        "write         [######..................]  25 %  25.0 MB of 100.0 MB  5.0 MB/s  80.0 MB on disk  15 s left"
    )
    assert line_of(Progress(phase="flush")).strip() == "flush"
    assert line_of(Progress(phase="write", bytes_done=999)).split() == ["write", "999", "B"]


def test_sizes_have_the_unit_that_fits() -> None:
    assert [size(n) for n in (0, 1e3, 2.5e6, 3e9, 4e12)] == [
        "0 B",
        "1.0 kB",
        "2.5 MB",
        "3.0 GB",
        "4.0 TB",
    ]


def test_without_a_terminal_there_are_plain_lines_and_not_too_many() -> None:
    out = io.StringIO()
    now = 0.0
    bar = Bar(out, lambda: now)
    for second in range(13):
        now = float(second)
        bar(Progress(phase="write", bytes_done=second * 1000, bytes_total=12000))
    bar(Progress(phase="flush", message="waiting for the disk"))
    now = 13.5
    bar.end()
    lines = out.getvalue().splitlines()
    assert [line.split()[0] for line in lines] == ["write", "write", "write:", "flush:", "flush:"]
    assert lines[2] == "write: 12.0 s, 12.0 kB, 1.0 kB/s"
    assert lines[3] == "flush: waiting for the disk"
    assert "\x1b" not in out.getvalue()
