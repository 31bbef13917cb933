"""The error of a rebuild that is refused."""

from remit.errors import RemitError


class CannotRebuild(RemitError):
    """The read model cannot be rebuilt, or there is no version to switch to."""

    code = "rebuild.refused"
