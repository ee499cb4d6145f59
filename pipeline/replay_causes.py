"""By which rules and program history was made, where these are not the ones of today."""

from collections import defaultdict

import sqlalchemy as sa

from pipeline.replay_history import History
from schemas.database import file
from schemas.rule_versions import RulesInForce
from schemas.runs import rule_version, run

_SHOWN_DIGITS = 12


def other_rules(record: sa.Connection, history: History, now: RulesInForce) -> list[str]:
    """One sentence for each rulebook or program of the time that is not today's.

    It names the runs that were opened with it or in which files were judged by it, and what is
    otherwise, by the first digits of its digest.
    """
    opened = sa.select(run.c.run_id, run.c.rules_digest)
    judged = sa.select(file.c.run_id, file.c.rules_digest).where(file.c.rules_digest.is_not(None))
    runs = defaultdict(set)
    for run_id, digest in record.execute(opened.union(judged)):
        if run_id in history.runs and digest != now.digest:
            runs[digest].add(run_id)
    versions = sa.select(rule_version).where(rule_version.c.digest.in_(runs))
    return [
        _sentence(sorted(runs[row.digest]), RulesInForce(row.program, row.parts), now)
        for row in record.execute(versions.order_by(rule_version.c.first_used_at))
    ]


def _sentence(runs: list[int], then: RulesInForce, now: RulesInForce) -> str:
    before, after = ({"program": rules.program} | rules.parts for rules in (then, now))
    unlike = ", ".join(
        f"{kind} ({_short(before.get(kind))}, now {_short(after.get(kind))})"
        for kind in then.differs_in(now)
    )
    named = ", ".join(map(str, runs))
    return f"{'run' if len(runs) == 1 else 'runs'} {named}: other {unlike}"


def _short(digest: str | None) -> str:
    if digest is None:
        return "none"
    return digest if "+" in digest else digest[:_SHOWN_DIGITS]
