"""What holds for every test.

No example is judged by its time, because machines are busy. The marker ``root`` skips a test where nobody is root.
"""

import os

import pytest
from hypothesis import settings

settings.register_profile("ingot", deadline=None)
settings.load_profile("ingot")


@pytest.hookimpl(tryfirst=True)  # before the fixtures of the test, the module's too
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs root where nobody is."""
    if item.get_closest_marker("root") is not None and os.geteuid() != 0:
        pytest.skip("needs root: loop devices, namespaces, dnsmasq")
