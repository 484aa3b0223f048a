import xml.etree.ElementTree as ET

from tests.bench.images.tools import OURS, REAL_AGENT
from tests.bench.plot import image_plot
from tests.bench.results import Result, Row, find, judge, summarise


def row(tool: str, seconds: float, *, result: Result = Result.RIGHT, peak: float = 30) -> Row:
    return Row(
        case="raw",
        tool=tool,
        round=1,
        seconds=seconds,
        cpu_seconds=seconds / 2,
        peak_memory_mib=peak,
        bytes=1 << 30,
        result=result,
    )


def test_a_summary_has_the_median_the_spread_and_the_most_memory() -> None:
    (line,) = summarise([row(OURS, 3), row(OURS, 1, peak=50), row(OURS, 2)])
    assert (line.seconds, line.seconds_min, line.seconds_max) == (2, 1, 3)
    assert (line.runs, line.right, line.peak_memory_mib) == (3, 3, 50)


def test_a_fast_run_that_wrote_the_wrong_content_does_not_count() -> None:
    (line,) = summarise([row(OURS, 0.1, result=Result.WRONG), row(OURS, 5)])
    assert (line.seconds, line.right, line.worst) == (5, 1, Result.WRONG)


def test_a_tool_without_a_right_run_has_no_figures_and_no_verdict() -> None:
    lines = summarise([row(OURS, 1), row(REAL_AGENT, 9, result=Result.TIME_LIMIT)])
    other = find(lines, "raw", REAL_AGENT)
    assert other is not None
    assert (other.seconds, other.peak_memory_mib) == (None, None)
    assert judge(lines)[0].is_reached is None


def test_a_goal_is_reached_by_ratio_of_medians() -> None:
    verdicts = judge(summarise([row(OURS, 2), row(REAL_AGENT, 4.5)]))
    assert [(v.measured, v.is_reached) for v in verdicts] == [
        ("2.25", True),
        ("0.44", True),
        ("30 MiB", True),
    ]


def test_a_goal_that_is_missed_says_so() -> None:
    verdicts = judge(summarise([row(OURS, 3, peak=65), row(REAL_AGENT, 4.5)]))
    assert [v.is_reached for v in verdicts] == [False, False, False]


def test_the_plot_is_well_formed_and_names_what_has_no_bar() -> None:
    plot = image_plot(summarise([row(OURS, 1), row("a & b", 9, result=Result.WRONG)]))
    texts = [element.text for element in ET.fromstring(plot).iter() if element.text]
    assert "a & b" in texts
    assert "wrong content" in texts
