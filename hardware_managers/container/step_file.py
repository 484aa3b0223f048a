"""Steps that the builder of the ramdisk wrote into a file: YAML with PyYAML in the ramdisk, JSON without. Pure."""

import json
from typing import Any

import msgspec

from agent.errors import PluginError
from hardware_managers.container.rules import bare_reference

try:
    import yaml
except ImportError:  # only the element ingot-podman brings it
    yaml = None  # type: ignore[assignment,unused-ignore]

_MOST_STEPS = 200


class FileStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step: the image is trusted, and so are its options; ``priority`` counts in cleaning only, as with Ironic's agent."""

    name: str
    image: str
    interface: str = "deploy"
    priority: int = 0
    reboot_requested: bool = False
    abortable: bool = True
    pull_options: tuple[str, ...] | None = None
    run_options: tuple[str, ...] | None = None


class _StepFile(msgspec.Struct, frozen=True, kw_only=True):
    steps: tuple[FileStep, ...]


def parse_step_file(text: str, name: str, reserved: frozenset[str]) -> tuple[FileStep, ...]:
    """Return the steps of the file.

    Args:
        text: What is in it.
        name: Its path, for messages.
        reserved: Names of steps that it must not take.

    Raises:
        PluginError: It cannot be read, a name is taken or used twice, or an image's name is none.
    """
    try:
        told: Any = json.loads(text) if yaml is None else yaml.safe_load(text)
        steps = msgspec.convert(told, _StepFile).steps
    except (ValueError, msgspec.ValidationError) as error:
        raise PluginError(f"{name}: {error}; see the page on container steps") from error
    except Exception as error:  # PyYAML's errors have no base that is there without it
        raise PluginError(f"{name}: {type(error).__name__}: {error}") from error
    names = [step.name for step in steps]
    bad = sorted({n for n in names if names.count(n) > 1 or n in reserved or not n.isidentifier()})
    if bad or len(steps) > _MOST_STEPS:
        raise PluginError(
            f"{name}: {len(steps)} steps; names that are taken, used twice or no identifiers: {', '.join(bad) or 'none'}"
        )
    for step in steps:
        bare_reference(step.image, f"{name}: step {step.name}")
    return steps
