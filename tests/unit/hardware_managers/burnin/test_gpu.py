"""gpu-burn's words: the list, the verdicts, and everything that is no success."""

from pathlib import Path
from typing import Any

import pytest

from agent.errors import BurninFailed, InvalidRequest
from agent.hardware.registry import Hardware
from hardware_managers.burnin.gpu import burnin_gpu
from tests.unit.fakes import FakeRunner, Tools

LIST = "ID 0: Tesla T4, 15109MB\nID 1: Tesla T4, 15109MB\n"
RUN = "Burning for 60 seconds.\n50.0%  proc'd: 12 (4000 Gflop/s)   errors: 0   temps: 45 C\n"
GOOD = f"{RUN}\nTested 2 GPUs:\n\tGPU 0: OK\n\tGPU 1: OK\n"


def run(folder: Path, listed: str, said: str, **told: Any) -> tuple[Any, Tools]:
    program = folder / "gpu_burn"
    program.write_text("")
    tools = Tools(FakeRunner({f"{program} -l": listed, f"{program} -m 95% 60": said}), folder)
    wishes = {"install_dir": str(folder), "timeout": 60, **told}
    node = {"driver_info": {f"agent_burnin_gpu_{key}": value for key, value in wishes.items()}}
    return burnin_gpu(tools.context(Hardware([]), node)), tools


def test_every_processor_has_its_verdict_and_progress_is_told(tmp_path: Path) -> None:
    done, tools = run(tmp_path, LIST, GOOD, count=2)
    assert [(one["id"], one["verdict"]) for one in done["gpus"]] == [(0, "OK"), (1, "OK")]
    assert [report.message for report in tools.reports] == ["50.0 % of the burn-in"]


@pytest.mark.parametrize(
    ("listed", "said", "count", "words"),
    [
        (LIST, GOOD.replace("GPU 1: OK", "GPU 1: FAULTY"), 0, r"1 \(Tesla T4, 15109MB\): FAULTY"),
        (LIST, RUN, 0, r"0 \(Tesla T4, 15109MB\): no verdict"),
        (LIST, GOOD, 4, "finds 2 graphics processors, 4 are expected"),
        ("No CUDA devices\n", GOOD, 0, "finds 0 graphics processors, one at least"),
    ],
)
def test_everything_else_is_a_failure(
    tmp_path: Path, listed: str, said: str, count: int, words: str
) -> None:
    with pytest.raises(BurninFailed, match=words):
        run(tmp_path, listed, said, count=count)


def test_a_ramdisk_without_gpu_burn_says_what_to_do(tmp_path: Path) -> None:
    told = {"agent_burnin_gpu_install_dir": str(tmp_path)}
    context = Tools(FakeRunner({}), tmp_path).context(Hardware([]), {"driver_info": told})
    with pytest.raises(BurninFailed, match=r"gpu_burn is not in this ramdisk; build gpu-burn"):
        burnin_gpu(context)


@pytest.mark.parametrize(
    ("key", "value"),
    [("memory", "200%"), ("memory", "-m"), ("install_dir", "opt"), ("timeout", 0), ("count", -1)],
)
def test_a_value_that_cannot_be_used_is_refused_by_its_key(
    tmp_path: Path, key: str, value: Any
) -> None:
    with pytest.raises(InvalidRequest, match=f"agent_burnin_gpu_{key}"):
        run(tmp_path, LIST, GOOD, **{key: value})
