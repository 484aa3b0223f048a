"""Steps of the ramdisk's hardware managers, run inside of it over SSH as its agent runs them, without a controller."""

import base64
import json
import shlex
from typing import Any

from tests.e2e.lone_ramdisk import Started
from tests.lab.demo.keys import SshKey

ORDER = """
import json, sys, tempfile
from pathlib import Path
from agent.errors import AgentError
from agent.hardware.capabilities import StepContext
from agent.hardware.plugins import load_hardware
from agent.hardware.tools import StepTools
from agent.system.runner import HostRunner
from agent.system.stop_signal import StopSignal
import msgspec
order = json.load(sys.stdin)
hardware = load_hardware(HostRunner())
stop = StopSignal()
def show(progress):
    print(progress.message, file=sys.stderr, flush=True)
    if progress.message and progress.message == order.get("stop_at"):
        stop.set()
folder = Path(tempfile.mkdtemp())
tools = StepTools(progress=show, runner=HostRunner(), stop=stop, fetch=lambda *_: None, folder=folder)
def run(name, node):
    context = StepContext(node=node, ports=(), args={}, hardware=hardware, tools=tools, remember=lambda _: None)
    steps = {s.name: s for m in hardware.managers for s in m.steps}
    try:
        return {"result": steps[name].run(context)}
    except AgentError as error:
        return {"error": str(error), "result": error.result}
"""
"""The beginning of a program that gets an order on its standard input, and has the machine's hardware and tools.

Progress with the message ``order["stop_at"]`` has the step stopped.
"""

STEP = (
    ORDER
    + """
print(json.dumps(msgspec.to_builtins(run(order["step"], order["node"]))))
"""
)
"""Runs the step ``order["step"]`` and prints what came of it: ``result``, and ``error`` if it failed."""


def inside(machine: Started, key: SshKey, program: str, **order: Any) -> Any:
    """Run a program with an order in the machine and return the document that it prints."""
    text = base64.b64encode(json.dumps(order).encode()).decode()
    line = f"echo {text} | base64 -d | PYTHONPATH=/opt/ingot/lib python3 -c {shlex.quote(program)}"
    return json.loads(machine.run_inside(key, f"{line} 2>/dev/null", timeout_s=300))
