"""Command lines and reports of the burn-in's programs; reports were recorded from stress-ng 0.15.06 and fio 3.33."""

import json
from pathlib import Path
from typing import Any

import pytest

from agent.errors import BurninFailed
from hardware_managers.burnin import programs
from hardware_managers.burnin.orders import DiskOrder, MemoryOrder, NetworkOrder, Role

REPORT = Path("/run/report")
STRESS = """---
system-info:
      cpus: 2

metrics:
    - stressor: cpu
      bogo-ops: 1968
      bogo-ops-per-second-real-time: 978.079364
      max-rss: 6488

...
"""


def fio_report(**job: Any) -> str:
    shown = {"jobname": "sda", "error": 0, "read": {"io_bytes": 8192, "bw_bytes": 4096}}
    shown |= {"write": {"io_bytes": 8192, "bw_bytes": 4096}, **job}
    return "fio: a message before the report\n" + json.dumps({"jobs": [shown]})


def test_memory_is_written_and_checked() -> None:
    argv = programs.stress_memory(MemoryOrder(size="50%", timeout_s=9), REPORT)
    assert argv[:5] == ("stress-ng", "--vm", "0", "--vm-bytes", "50%")
    assert "--verify" in argv
    assert "9s" in argv


def test_disks_are_written_as_often_as_asked_or_as_long() -> None:
    disks = [Path("/dev/sda"), Path("/dev/nvme0n1")]
    argv = programs.fio_disks(DiskOrder(loops=2), disks, REPORT)
    assert "--loops=2" in argv
    assert "--verify=crc32c" in argv
    assert "--time_based" not in argv
    assert argv[-4:] == (
        "--name=sda",
        "--filename=/dev/sda",
        "--name=nvme0n1",
        "--filename=/dev/nvme0n1",
    )
    timed = programs.fio_disks(DiskOrder(runtime_s=60), disks, REPORT)
    assert "--runtime=60" in timed
    assert not any(word.startswith("--loops") for word in timed)


def test_a_reader_listens_and_a_writer_connects() -> None:
    writer = programs.fio_network(NetworkOrder(role=Role.WRITER, partner="b"), REPORT)
    reader = programs.fio_network(NetworkOrder(role=Role.READER, partner="b"), REPORT)
    assert "--hostname=b" in writer
    assert "--listen" in reader
    assert "--hostname=b" not in reader


def test_the_writer_ends_the_turn() -> None:
    """A reader that stops first breaks the connection under the writer."""
    both = {role: NetworkOrder(role=role, partner="b", runtime_s=7) for role in Role}
    assert "--runtime=7" in programs.fio_network(both[Role.WRITER], REPORT)
    assert "--runtime=67" in programs.fio_network(both[Role.READER], REPORT)


def test_the_metrics_of_each_stressor_are_read() -> None:
    (figures,) = programs.stress_figures(STRESS)
    assert figures["stressor"] == "cpu"
    assert figures["bogo-ops"] == 1968


def test_a_report_without_metrics_is_no_success() -> None:
    with pytest.raises(BurninFailed, match="nothing was loaded"):
        programs.stress_figures(STRESS.partition("metrics")[0])


def test_the_figures_of_each_job_are_read_behind_messages() -> None:
    (job,) = programs.fio_figures(fio_report())
    assert (job["name"], job["errors"], job["written_bytes"]) == ("sda", 0, 8192)


def test_errors_that_fio_went_on_after_are_counted() -> None:
    (job,) = programs.fio_figures(fio_report(total_err=3))
    assert job["errors"] == 3


def test_a_job_that_moved_nothing_is_no_success() -> None:
    idle = programs.fio_figures(
        fio_report(read={"io_bytes": 0, "bw_bytes": 0}, write={"io_bytes": 0, "bw_bytes": 0})
    )
    with pytest.raises(BurninFailed, match="sda"):
        programs.require_moved(idle)
    with pytest.raises(BurninFailed, match="no job"):
        programs.require_moved(())


def test_a_partner_that_does_not_listen_is_told_from_a_fault() -> None:
    nothing = {"io_bytes": 0, "bw_bytes": 0}
    refused = programs.fio_figures(fio_report(error=111, read=nothing, write=nothing))
    broken = programs.fio_figures(fio_report(error=104))
    assert programs.partner_is_absent(refused)
    assert not programs.partner_is_absent(broken)


@pytest.mark.parametrize(
    "report", ["", "no report", "{", '{"jobs": 3}', '{"jobs": [{}]}', '{"jobs": [{"jobname": 1}]}']
)
def test_a_report_that_is_rubbish_is_named(report: str) -> None:
    with pytest.raises(BurninFailed, match="cannot be read"):
        programs.fio_figures(report)


def test_progress_is_read_from_the_line_that_fio_shows() -> None:
    assert programs.percent_done("Jobs: 1 (f=1): [V(1)][42.5%][r=1KiB/s]") == 42.5
    assert programs.percent_done("Jobs: 2 (f=2)") is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (
            {"value": 249, "string": "in progress", "remaining_percent": 90},
            programs.SelfTest.RUNNING,
        ),
        ({"value": 0, "string": "completed", "passed": True}, programs.SelfTest.PASSED),
        ({"value": 112, "string": "read failure", "passed": False}, programs.SelfTest.FAILED),
        ({"value": 16, "string": "aborted"}, programs.SelfTest.UNKNOWN),
    ],
)
def test_the_drives_word_for_its_self_test_counts(
    status: dict[str, Any], state: programs.SelfTest
) -> None:
    report = json.dumps({"ata_smart_data": {"self_test": {"status": status}}})
    assert programs.smart_self_test(report) == (state, status["string"])


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"ata_smart_data": 3}', "null"])
def test_a_drive_without_self_tests_is_no_failure(report: str) -> None:
    assert programs.smart_self_test(report)[0] is programs.SelfTest.UNKNOWN
