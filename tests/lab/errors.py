"""What goes wrong in the lab itself, as opposed to in the program under test."""


class LabError(Exception):
    """The lab cannot do what was asked; the message says what, on what, and what to do."""
