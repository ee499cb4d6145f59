"""A file judged again beside its verdict: for people, and as an object for programs."""

from decimal import Decimal
from typing import Any

from pipeline import terminal
from pipeline.judged_twice import ACCEPTED, REJECTED
from pipeline.reprocess import Again

_SHOWN = 20
_STATES = ("accepted", "rejected", "pending")
_BASES = {"then": "by the rules of", "today": "by the rules of", "released": "as on"}


def figures(again: Again) -> list[tuple[str, str, str]]:
    """What is told side by side: name, as it stands, and as it would be."""
    then, now = (one.file_verdict.replace("_", " ") for one in (again.before, again.after))
    rows = [("Verdict", then, now)]
    for state in _STATES:
        before, after = again.members_in(state)
        rows.append((f"Members {state}", f"{before:,}", f"{after:,}"))
    rows.append(("Issues", f"{len(again.before.issues):,}", f"{len(again.after.issues):,}"))
    return rows


def changes(again: Again) -> list[tuple[str, str]]:
    """What would be otherwise, in figures."""
    counted = [
        ("Answers (TA1, AK9, IK5) that change", f"{len(again.answers):,}"),
        ("New issues", f"{len(again.new_issues):,}"),
        ("Issues no longer", f"{len(again.gone_issues):,}"),
    ]
    for name, change in (("accepted", ACCEPTED), ("rejected", REJECTED)):
        members = again.members["change"].to_pylist().count(change)
        dollars = Decimal(again.dollars(change)) / 100
        counted.append((f"Members newly {name}", f"{members:,} (premium {dollars:,.2f} a month)"))
    return counted


def heading(again: Again) -> str:
    """By which rules the file was judged again, and what of them is otherwise than then."""
    told = f"File {again.file_id}, judged again {_BASES[again.basis]} {again.day}"
    told += f", without {again.left_out}." if again.left_out else "."
    if again.differs_in:
        told += f" Changed since its verdict: {', '.join(again.differs_in)}."
    return told


def show_again(again: Again) -> None:
    """Both verdicts side by side, then each answer and issue that would be otherwise."""
    terminal.out.print(heading(again), soft_wrap=True)
    rows = [
        {"": name, "as it stands": then, "judged again": now} for name, then, now in figures(again)
    ]
    terminal.out.print(terminal.table_of("Side by side", rows))
    for name, count in changes(again):
        terminal.out.print(f"{name:>36}: {count}")
    for row in again.answers.slice(0, _SHOWN).to_pylist():
        terminal.out.print(
            f"  {row['level']} {terminal.visible(row['control_number'] or '')}: "
            f"{row['before']} becomes {row['after']}"
        )
    for word, issues in (("new", again.new_issues), ("no longer", again.gone_issues)):
        for row in issues.slice(0, _SHOWN).to_pylist():
            place = f"segment {row['segment_ordinal']}, " if row["segment_ordinal"] else ""
            terminal.out.print(
                f"  {word}: {row['severity']} {row['rule']} ({place}byte {row['byte_start']})"
            )
    if again.is_the_same:
        terminal.out.print("Nothing would be otherwise.")


def again_object(again: Again) -> dict[str, Any]:
    """The comparison for programs: no value of a received element is in it."""
    kept = ("rule", "severity", "segment_id", "segment_ordinal", "element", "byte_start")
    return {
        "file_id": again.file_id,
        "rules": again.basis,
        "day": again.day.isoformat(),
        "left_out": again.left_out,
        "changed_since": list(again.differs_in),
        "verdict": [again.before.file_verdict, again.after.file_verdict],
        "members": {state: list(again.members_in(state)) for state in _STATES},
        "answers": again.answers.to_pylist(),
        "new_issues": again.new_issues.select(kept).to_pylist(),
        "gone_issues": again.gone_issues.select(kept).to_pylist(),
        "members_otherwise": again.members.to_pylist(),
    }
