"""What a Redfish BMC does not have or does not do, as errors that ``redfish_call`` puts into words."""

from sushy import exceptions


class NotOfferedError(exceptions.SushyError):  # type: ignore[misc]  # sushy has no types
    """The BMC has no such feature."""

    def __init__(self, feature: str, advice: str) -> None:
        """Name the feature with its article (``a BIOS``) and what to do instead."""
        super().__init__(f"it does not offer {feature} by Redfish; {advice}")


class NotDoneError(exceptions.SushyError):  # type: ignore[misc]
    """The BMC took an order and has not carried it out, or is asked for what it cannot do; the text is the whole sentence."""

    def __init__(self, sentence: str) -> None:
        """Take the sentence."""
        super().__init__(sentence)
