"""The drives' own short self-tests, all at the same time; ATA drives only (smartctl 7.3 starts none on NVMe)."""

from collections.abc import Sequence

from agent.errors import BurninFailed
from agent.hardware.devices import BlockDevice
from agent.hardware.tools import StepTools
from agent.protocol.commands import Progress
from hardware_managers.burnin.programs import SelfTest, smart_self_test

_POLL_S = 20.0
_LIMIT_S = 3600.0
_TOOL_S = 60.0


def run_self_tests(disks: Sequence[BlockDevice], tools: StepTools) -> dict[str, str]:
    """Start the tests, see each one run, wait for their ends; return the drive's words by path.

    A drive that has no self-test is named, not failed.

    Raises:
        BurninFailed: A test failed, did not begin although the drive has self-tests, or did not end within an hour.
        Stopped: The step was stopped; drives end their tests by themselves.
    """
    outcomes: dict[str, str] = {}
    waiting: set[str] = set()
    failed: list[str] = []
    for disk in disks:
        path = str(disk.path)
        if _state(path, tools)[0] is SelfTest.UNKNOWN:
            outcomes[path] = "not tested: the drive has no self-test that smartctl can start"
            continue
        tools.runner.run("smartctl", "--test=short", path, ok=range(256), timeout_s=_TOOL_S)
        state, words = _state(path, tools)  # smartctl's exit status says little: the drive is asked
        if state is SelfTest.RUNNING:
            waiting.add(path)
        else:
            failed.append(f"{path}: its self-test did not begin ({words})")
    failed += _wait(waiting, outcomes, tools)
    if failed:
        raise BurninFailed(f"self-tests not passed: {'; '.join(failed)}; replace these drives")
    return outcomes


def _wait(waiting: set[str], outcomes: dict[str, str], tools: StepTools) -> list[str]:
    failed: list[str] = []
    waited_s = 0.0
    while waiting:
        tools.progress(Progress(phase="self-test", message=f"{len(waiting)} drives are at it"))
        if waited_s >= _LIMIT_S:
            return [
                *failed,
                *(f"{path}: no end after {_LIMIT_S:.0f} s" for path in sorted(waiting)),
            ]
        if tools.stop.wait(_POLL_S):
            tools.stop.check()
        waited_s += _POLL_S
        for path in sorted(waiting):
            state, words = _state(path, tools)
            if state is SelfTest.RUNNING:
                continue
            waiting.discard(path)
            if state is SelfTest.PASSED:
                outcomes[path] = words
            else:
                failed.append(f"{path}: {words}")
    return failed


def _state(path: str, tools: StepTools) -> tuple[SelfTest, str]:
    asked = ("smartctl", "--json", "--capabilities", path)
    return smart_self_test(tools.runner.run(*asked, ok=range(256), timeout_s=_TOOL_S).stdout)
