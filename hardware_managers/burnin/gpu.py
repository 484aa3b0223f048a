"""The burn-in of graphics processors by gpu-burn (github.com/wilicc/gpu-burn), which is built on a machine with CUDA and put into the ramdisk.

``gpu_burn -l`` lists the processors (``ID 0: ...``); a run ends with a verdict for each (``GPU 0: OK`` or ``FAULTY``), whatever its exit status is.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.errors import BurninFailed
from agent.hardware.capabilities import StepContext
from agent.protocol.commands import Progress
from hardware_managers.burnin.orders import gpu_order

_LISTED = re.compile(r"^ID (\d+): (.+)$", re.MULTILINE)
_VERDICT = re.compile(r"^\s*GPU (\d+): (\w+)\s*$", re.MULTILINE)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)%")
_LIST_TIMEOUT_S = 120.0
_SETTLE_S = 300.0
"""What it needs beyond the time that it was told: it fills the memory of one processor after the other."""


def burnin_gpu(context: StepContext) -> Mapping[str, Any]:
    """Load and check every graphics processor for ``agent_burnin_gpu_timeout`` seconds; return them with their verdicts.

    Raises:
        BurninFailed: gpu-burn is not in the ramdisk, there are no processors or not as many as expected, or one is faulty.
    """
    told = context.node.get("driver_info")
    order = gpu_order(told if isinstance(told, Mapping) else {})
    folder = Path(order.folder)
    program = folder / "gpu_burn"
    if not program.is_file():
        raise BurninFailed(
            f"{program} is not in this ramdisk; build gpu-burn with CUDA, put its folder into the ramdisk with the"
            " driver, and name it in driver_info.agent_burnin_gpu_install_dir"
        )
    runner = context.tools.runner
    listed = runner.run(str(program), "-l", timeout_s=_LIST_TIMEOUT_S, ok=range(256))
    names = {number: name.strip() for number, name in _LISTED.findall(listed.stdout)}
    if not names or order.count not in (0, len(names)):
        wanted = f"{order.count} are expected" if order.count else "one at least is expected"
        raise BurninFailed(
            f"burnin_gpu: gpu-burn finds {len(names)} graphics processors, {wanted}; look at lspci, and whether the"
            f" driver is in the ramdisk ({listed.stderr.strip()[-300:] or 'it says nothing more'})"
        )

    def show(line: str) -> None:
        if found := _PERCENT.search(line):
            context.progress(Progress(phase="burn-in", message=f"{found[1]} % of the burn-in"))

    done = runner.follow(
        str(program),
        "-m",
        order.memory,
        str(order.timeout_s),
        timeout_s=order.timeout_s + _SETTLE_S,
        on_line=show,
        stop=context.tools.stop,
        folder=folder,
        ok=range(256),
    )
    return {"gpus": list(_judged(names, done.stdout, done.exit_code))}


def _judged(names: Mapping[str, str], said: str, exit_code: int) -> Sequence[Mapping[str, Any]]:
    """Return every processor with its verdict; the run counts only if each has ``OK``."""
    verdicts = dict(_VERDICT.findall(said))
    bad = [
        f"{number} ({name}): {verdicts.get(number, 'no verdict')}"
        for number, name in names.items()
        if verdicts.get(number) != "OK"
    ]
    if bad or exit_code:
        tail = said.strip()[-200:]
        raise BurninFailed(
            f"burnin_gpu: {'; '.join(bad) or 'all have a verdict'}, exit status {exit_code}; replace what is FAULTY,"
            f" and look at the agent's log for the rest ({tail!r})"
        )
    return [{"id": int(n), "name": name[:120], "verdict": "OK"} for n, name in names.items()]
