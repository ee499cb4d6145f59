"""What the carrier's TA1 and 999 say of the files that the exchange sent."""

from simulator.outcomes import Outcome
from simulator.reading import ReceivedSet, at
from simulator.state import State

DUPLICATE_INTERCHANGE = "025"


def interchange_acknowledged(
    state: State, partner_id: str, ta1: list[str], outcome: Outcome
) -> None:
    """One TA1: all sets of a rejected interchange are rejected."""
    number, ack, note = at(ta1, 1), at(ta1, 4), at(ta1, 5)
    if ack == "R" and note == DUPLICATE_INTERCHANGE:
        outcome.duplicates_refused += 1
        return
    files = state.connection.execute(
        "UPDATE files SET ta1 = ? WHERE partner_id = ? AND interchange = ?"
        " AND role = 'enrollment' RETURNING file_id",
        (ack, partner_id, int(number) if number.isdigit() else None),
    ).fetchall()
    if ack == "R":
        outcome.interchanges_rejected += 1
        for (file_id,) in files:
            _reject_file(state, file_id, outcome)
    else:
        outcome.interchanges_accepted += 1


def _reject_file(state: State, file_id: int, outcome: Outcome) -> None:
    rows = state.connection.execute(
        "UPDATE sends SET ack = 'R' WHERE file_id = ? RETURNING set_number, fault IS NULL"
        " AND (SELECT fault FROM files WHERE file_id = sends.file_id) IS NULL",
        (file_id,),
    ).fetchall()
    outcome.sets_rejected_without_fault.extend(number for number, good in rows if good)


def sets_acknowledged(
    state: State, partner_id: str, received: ReceivedSet, outcome: Outcome
) -> None:
    """One 999: IK501 for each set that it names, AK901 for those that it does not."""
    group, number = "", ""
    named: dict[str, str] = {}
    of_group = ""
    for segment in received.segments:
        match segment[0]:
            case "AK1":
                group = at(segment, 2)
            case "AK2":
                number = at(segment, 2)
            case "IK5":
                named[number] = at(segment, 1)
            case "AK9":
                of_group = at(segment, 1)
    rows = state.connection.execute(
        "SELECT send_id, set_number, s.fault IS NULL AND f.fault IS NULL"
        " FROM sends s JOIN files f USING (file_id)"
        " WHERE f.partner_id = ? AND group_number = ?",
        (partner_id, int(group) if group.isdigit() else None),
    ).fetchall()
    for send_id, set_number, good in rows:
        ack = "R" if of_group == "R" else named.get(set_number, "A")
        state.connection.execute("UPDATE sends SET ack = ? WHERE send_id = ?", (ack, send_id))
        outcome.sets_accepted += ack in {"A", "E"}
        outcome.sets_rejected += ack not in {"A", "E"}
        if good and ack not in {"A", "E"}:
            outcome.sets_rejected_without_fault.append(set_number)
