"""What the agent's settings want of the hardware managers; plug-ins see this and never the settings themselves."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """Each has the default of its setting; ``image_verify`` is ``none``, ``sample`` or ``whole``."""

    image_verify: str = "sample"
