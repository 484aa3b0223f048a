"""Why a rule cannot be carried out."""


class RuleFault(Exception):
    """A condition cannot be decided, or an action not be done; the text says what and why, without the rule's name."""
