"""Failures of our own, never of a received file: a wrong file is a row of issues.

`Retryable` says that the same call may succeed later (the wire, a lock); `Terminal` says that a
person must change something first. The scheduler decides by class whether to try again.
"""


class EnrollmentError(Exception):
    """A failure of the program or its surroundings.

    The message is one line: what happened, where, and what to do. It never holds a value of a
    received element.
    """


class Retryable(EnrollmentError):
    """The same call may succeed later: connection refused or cut, lock held, server restarting."""


class Terminal(EnrollmentError):
    """A person must act first: wrong settings, changed host key, damaged store."""


class Interrupted(Retryable):
    """The database gave a transaction up for a passing reason, and has left nothing of it.

    A deadlock, a conflict, a lock not had in time, a lost connection: a step begins again at once.
    """


class AtWork(Retryable):
    """Somebody else is at work there, and this process leaves the work to him."""


class Superseded(Terminal):
    """The work was taken over by somebody else, so this process may not write any more."""
