import pytest

from tests.bench.options import CASES, GIB, OptionError, Options, read_options


def test_without_variables_every_case_of_a_small_image_runs_five_times() -> None:
    assert read_options({}) == Options()
    assert Options().cases == CASES


def test_an_empty_variable_counts_as_not_given() -> None:
    assert read_options({"BENCH_ROUNDS": "", "BENCH_CASES": "", "BENCH_DISK": ""}) == Options()


def test_the_data_grows_with_the_image_unless_it_is_given() -> None:
    assert read_options({"BENCH_GIB": "4"}).data_bytes == int(1.6 * GIB)
    assert read_options({"BENCH_GIB": "4", "BENCH_DATA_GIB": "1"}).data_bytes == GIB


def test_cases_run_in_the_order_given() -> None:
    assert read_options({"BENCH_CASES": "raw.zst, raw"}).cases == ("raw.zst", "raw")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BENCH_CASES", "raw,vhd"),
        ("BENCH_ROUNDS", "many"),
        ("BENCH_ROUNDS", "0"),
        ("BENCH_GIB", "0"),
        ("BENCH_DATA_GIB", "2"),
        ("BENCH_DISK", "dirty"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(OptionError, match="BENCH_"):
        read_options({name: value})
