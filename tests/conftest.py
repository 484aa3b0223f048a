"""What holds for every test.

No example is judged by its time, because machines are busy. The marker ``root`` skips a test where nobody is root. A run that is told to
end takes down what its tests have started.
"""

import os
import signal

import pytest
from hypothesis import settings

settings.register_profile("ingot", deadline=None)
settings.load_profile("ingot")


def pytest_configure() -> None:
    """Take SIGTERM and SIGHUP for Ctrl-C, which ends every fixture; pytest would die of them and leave processes, disks and networks."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)  # before the fixtures of the test, the module's too
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs root where nobody is."""
    if item.get_closest_marker("root") is not None and os.geteuid() != 0:
        pytest.skip("needs root: loop devices, namespaces, dnsmasq")
