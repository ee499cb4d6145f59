"""RCNOs as an exchange would write them, for tests: by the positions of the layout's source."""

WIDTH = 179
POSITIONS = {
    "last_name": 13, "birth_date": 16, "exchange_subscriber_id": 31, "exchange_member_id": 34,
    "issuer_member_id": 40, "exchange_policy_id": 43, "issuer_policy_id": 46, "plan_id": 91,
    "benefit_begin": 94, "benefit_end": 97, "aptc": 100, "premium_total": 118, "paid_status": 136,
}  # fmt: skip


def record(trace, flag="M", width=WIDTH, **fields):
    """A record of policy 1001; `fields` are (exchange's value, ours, flag)."""
    cells = [""] * width
    cells[:7] = ["01", "001234567T", " " * 10, "TX0", "91001", "91001TX001", "20270116"]
    told = {
        "exchange_subscriber_id": ("S1", "S1", "M"),
        "exchange_member_id": ("S1", "S1", "M"),
        "exchange_policy_id": ("1001", "1001", "M"),
        "premium_total": ("300.00", "300.00", "M"),
        "aptc": ("100.00", "100.00", "M"),
    } | fields
    for name, values in told.items():
        place = POSITIONS[name]
        cells[place : place + 3] = values
    cells[139] = flag
    cells[142] = "202701"
    cells[144] = "" if trace is None else str(trace)
    cells[145:148] = ["2027", "2027", "M"]
    return cells


def answer(*records, count=None, premium=None, aptc=None):
    """The bytes of an RCNO with its total."""

    def total(name):
        from decimal import Decimal

        place = POSITIONS[name]
        return str(sum((Decimal(one[place] or 0) for one in records), Decimal("0.00")))

    cells = ["02", "001234567T", " " * 10, "TX0", "91001", "", "20270116"]
    cells += [str(len(records) if count is None else count), "1", "0"]
    cells += [premium or total("premium_total"), aptc or total("aptc"), "A"]
    lines = ["|".join(one) for one in (*records, cells)]
    return ("\n".join(lines) + "\n").encode()
