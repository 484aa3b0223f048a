"""What a Redfish BMC does not have or does not do, as errors that ``redfish_call`` puts into words."""

from collections.abc import Iterable

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


def lacking(wanted: str, offered: Iterable[str], advice: str) -> NotDoneError:
    """Return the error of a BMC that has others of a kind, and not the one that is wanted.

    Args:
        wanted: With its article (``the reset Nmi``).
        offered: What it has of the kind, in Redfish's words.
        advice: What to do instead.
    """
    has = ", ".join(sorted(offered)) or "none"
    return NotDoneError(f"it does not offer {wanted} by Redfish (it offers: {has}); {advice}")


class LoginRefusedError(exceptions.AccessError):  # type: ignore[misc]
    """A BMC refused a login with 400, in place of 401."""

    def __init__(self, error: exceptions.HTTPError) -> None:
        """Take over what the BMC said."""
        Exception.__init__(self, str(error))
        self.status_code, self.body, self.code = error.status_code, error.body, error.code
        self.detail, self.extended_info = error.detail, error.extended_info


def wants_new_password(error: exceptions.HTTPError) -> bool:
    """Say whether a BMC does nothing for the user before the password is changed (DSP0266, 13.2.7.1 Password change required handling)."""
    said = error.extended_info
    messages = said if isinstance(said, list) else [said]
    names = [str(one.get("MessageId")) for one in messages if isinstance(one, dict)]
    return any(name.endswith(".PasswordChangeRequired") for name in [*names, str(error.code)])
