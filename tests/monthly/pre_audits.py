"""Pre-audit files as an exchange would write them, for tests: by the positions of the source."""

WIDTH = 104
POSITIONS = {
    "tenant": 2, "hios": 3, "created_on": 5, "created_at": 6, "transaction_code": 10,
    "relationship": 16, "subscriber": 17, "exchange_subscriber_id": 19, "exchange_member_id": 20,
    "last_name": 23, "first_name": 24, "birth_date": 35, "gender": 36, "tobacco": 37, "begin": 62,
    "end": 63, "plan": 65, "exchange_policy_id": 67, "aptc": 69, "premium": 75, "individual": 78,
    "responsible": 81, "line": 94,
}  # fmt: skip


def line(member="S1", policy="1001", width=WIDTH, **changed):
    """A line of a member and segment, as cells."""
    told = {
        "tenant": "TX0", "hios": "91001", "created_on": "20270115", "created_at": "180000000",
        "transaction_code": "1", "relationship": "1:18", "subscriber": "Y",
        "exchange_subscriber_id": member, "exchange_member_id": member,
        "exchange_policy_id": policy, "last_name": "LOCKHART", "first_name": "AVERY",
        "birth_date": "19840309", "gender": "Female", "tobacco": "2", "begin": "20270101",
        "plan": "91001TX001000101", "aptc": "100.00", "premium": "300.00", "individual": "300.00",
        "responsible": "200.00", "line": "HLT",
    } | changed  # fmt: skip
    cells = [""] * max(width, WIDTH)
    for name, value in told.items():
        cells[POSITIONS[name]] = value
    return cells[:width]


def audited(*lines):
    """The bytes of a whole file."""
    return "".join(f"{'|'.join(one)}\n" for one in lines).encode()
