"""Programs that speak to BMCs (``controller/peers/programs.py``), whose failures are those of a BMC."""

from collections.abc import Mapping, Sequence

from controller.errors import BmcError, BmcUnreachable, ProgramFailed, ProgramLate
from controller.peers import programs
from controller.peers.programs import Finished


def run(argv: Sequence[str], *, environment: Mapping[str, bytes], timeout_s: float) -> Finished:
    """Run a program to its end, as :func:`controller.peers.programs.run` does.

    Raises:
        BmcUnreachable: It did not end in time.
        BmcError: It is not installed, cannot be started, or printed more than a megabyte.
    """
    try:
        return programs.run(argv, environment=environment, timeout_s=timeout_s)
    except ProgramLate as error:
        raise BmcUnreachable(str(error)) from error
    except ProgramFailed as error:
        raise BmcError(str(error)) from error
