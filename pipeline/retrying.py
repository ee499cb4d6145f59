"""Work that the database interrupted is begun again: at once, a few times, and told in the log.

All steps go through here. What is begun again is a whole step: each of its transactions was kept
as a whole or left nothing, and a step does not do again what is done.
"""

from collections.abc import Callable
from typing import TypeVar

import structlog
import tenacity

from schemas.errors import Interrupted, Retryable

TRIES_MAX = 6
# Waits of 0.2 to 3.2 seconds, some seven in all.
_WAIT = tenacity.wait_exponential_jitter(multiplier=0.2, max=6.4, jitter=0.2)

Result = TypeVar("Result")
log = structlog.get_logger()


def until_done(doing: str, work: Callable[[], Result], **about: int | str) -> Result:
    """What the work returns, after as many tries as it takes, `TRIES_MAX` at most.

    `doing` and `about` are for the log: ids only. Raises Retryable when the last try was
    interrupted, too, and whatever else the work raises.
    """

    def tell(state: tenacity.RetryCallState) -> None:
        why = state.outcome and state.outcome.exception()
        log.warning(
            "begun again", doing=doing, after_try=state.attempt_number, why=str(why), **about
        )

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Interrupted),
        stop=tenacity.stop_after_attempt(TRIES_MAX),
        wait=_WAIT,
        before_sleep=tell,
        reraise=True,
    )
    try:
        return attempts(work)
    except Interrupted as error:
        raise Retryable(f"{error} It was tried {TRIES_MAX} times.") from None
