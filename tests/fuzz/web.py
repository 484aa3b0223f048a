"""A long run against an API: until the time is over, or something is wrong."""

import logging
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.agent_api import AgentFuzz
from tests.fuzz.controller_api import ControllerFuzz

TARGETS = {"controller-api": ControllerFuzz, "agent-api": AgentFuzz}
_PER_SEED = 5000
"""Requests to one database; then it begins anew with the next seed."""


def run(name: str, seconds: float, seed: int) -> int:
    """Fuzz one target; 1 = a find, whose seed and request are printed."""
    logging.disable(logging.CRITICAL)
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        with tempfile.TemporaryDirectory() as folder:
            fuzz = TARGETS[name](Path(folder), seed)
            for number in range(_PER_SEED):
                request, fault = fuzz.step()
                count += 1
                if fault:
                    sys.stdout.write(f"{name}: seed {seed}, request {number}: {fault}\n{request}\n")
                    return 1
                if time.monotonic() >= end:
                    break
            fuzz.close()
        seed += 1
    sys.stdout.write(f"{name}: {count} requests, nothing found; the next seed is {seed}\n")
    return 0
