"""Fixtures: the real agent's process and the small controller that it talks to."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.agent_process import Agent
from tests.integration.fake_controller import FakeController, fake_controller


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as served:
        yield served


@pytest.fixture
def agent(tmp_path: Path, controller: FakeController) -> Iterator[Agent]:
    made = Agent(tmp_path, controller)
    yield made
    if made._process is not None and made._process.poll() is None:
        made.kill()


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
