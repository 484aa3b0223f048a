"""What controllers of tests serve: everything that is installed, with another driver in the place of the fake one."""

from dataclasses import replace
from typing import Any

from controller.hardware.catalog import Catalog
from controller.hardware.registry import load_catalog
from controller.settings import Settings


def catalog_with(driver: Any, settings: Settings) -> Catalog:
    """Return what is installed, with ``driver`` as the power and management interface ``fake``."""
    found = load_catalog(settings)
    changed = {kind: {**found.parts[kind], "fake": driver} for kind in ("power", "management")}
    return replace(found, parts={**found.parts, **changed})
