"""The check of a request once more, in the transaction that changes something, if it rests on what is no longer so."""

from typing import Any

from controller.api.access.checks import Access, Parameters
from controller.api.access.sight import mark_of
from controller.api.call import Call


class Again:
    """Looks at the rows that a request locks; each is asked about once."""

    def __init__(self, call: Call, access: Access, parameters: Parameters) -> None:
        """Take what was asked before."""
        self._call, self._access, self._parameters = call, access, parameters
        self._confirmed: set[str] = set()

    def __call__(self, row: Any) -> None:
        """Ask again if the row is another one than was decided about, or another's.

        The row is locked: what the check reads in a session of its own is what the change will find.

        Raises:
            Forbidden: The request may not change it.
            NotFound: The principal does not see it any more.
        """
        if row.uuid in self._confirmed:
            return
        self._confirmed.add(row.uuid)
        if mark_of(row) not in self._call.decided:
            self._access.check(self._call, self._parameters)
