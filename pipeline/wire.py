"""Work at a partner's mailbox: tried again when the wire fails, but at no stranger's server.

Each step may be repeated, so a whole visit is: what was done in it is not done again.
"""

from collections.abc import Callable
from typing import TypeVar

import structlog
import tenacity

from ledger import audit
from pipeline.runs import Run, writing
from pipeline.wiring import House
from schemas.errors import AtWork, Interrupted, Retryable
from sftp_inbox.client import UntrustedServer

Result = TypeVar("Result")
log = structlog.get_logger()

_LONGEST_SECONDS = 300.0


def visit(house: House, run: Run, partner_id: str, work: Callable[[], Result]) -> Result:
    """What the work at the partner's mailbox returns, after as many tries as the settings allow.

    Between them passes twice as long each time, and a part of that by chance, so that partners of
    one exchange do not come back all at once. Raises what the last try raises.
    """
    seconds = house.settings.wire_wait_seconds

    def tell(state: tenacity.RetryCallState) -> None:
        why = state.outcome and state.outcome.exception()
        log.warning(
            "mailbox tried again", partner=partner_id, after_try=state.attempt_number, why=str(why)
        )

    attempts = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_of_the_wire),
        stop=tenacity.stop_after_attempt(house.settings.wire_tries),
        wait=tenacity.wait_exponential_jitter(
            multiplier=seconds, max=_LONGEST_SECONDS, jitter=seconds
        ),
        before_sleep=tell,
        reraise=True,
    )
    try:
        return attempts(work)
    except UntrustedServer as error:
        log.warning("security alert", partner=partner_id, why=str(error))
        with writing(house, run, partner_id, "step failed") as conn:
            audit.note(
                conn, "server not trusted", "run", run.run_id,
                partner=partner_id, pinned=error.pinned, offered=error.offered,
            )  # fmt: skip
        raise


def _is_of_the_wire(error: BaseException) -> bool:
    """Not what the database interrupted: that is begun again in another way."""
    return isinstance(error, Retryable) and not isinstance(error, (Interrupted, AtWork))
