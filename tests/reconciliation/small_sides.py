"""Small books and carrier records, row by row."""

from datetime import date
from decimal import Decimal

import pyarrow as pa

from schemas import records


def row_of_book(number, **changes):
    row = {
        "exchange_policy_id": f"88{number:02d}",
        "exchange_subscriber_id": f"00010000{number:02d}",
        "exchange_member_id": f"00010000{number:02d}",
        "issuer_policy_id": f"C{number}",
        "issuer_subscriber_id": f"S{number}",
        "issuer_member_id": f"M{number}",
        "is_subscriber": True,
        "relationship_code": "18",
        "last_name": "LOCKHART",
        "first_name": "AVERY",
        "birth_date": date(1984, 3, 9),
        "gender_code": "F",
        "plan_id": "91001TX001000101",
        "insurance_line": "HLT",
        "policy_status": "effectuated",
        "benefit_begin": date(2026, 1, 1),
        "premium_total": Decimal("512.30"),
        "aptc": Decimal("100.00"),
        "csr": Decimal("20.00"),
        "responsible_amount": Decimal("412.30"),
        "individual_premium": Decimal("512.30"),
        "middle_name": "J",
        "name_suffix": "III",
        "ssn": "900400001",
        "address_line_1": "100 ELM STREET",
        "address_line_2": "APT 2",
        "city": "AUSTIN",
        "state": "TX",
        "postal_code": "78701",
        "county_code": "48453",
        "rating_area": "R-TX001",
        "mailing_line_1": "PO BOX 12",
        "mailing_line_2": "SUITE 9",
        "mailing_city": "ROUND ROCK",
        "mailing_state": "TX",
        "mailing_postal_code": "78664",
        "phone": "5125550100",
        "email": "avery@example.com",
        "tobacco_code": "N",
        "file_id": 40 + number,
    }
    return {**row, **changes}


def _table(schema, rows):
    columns = {name: [row.get(name) for row in rows] for name in schema.names}
    return pa.table(columns, schema=schema)


def book_of(*rows):
    return _table(records.BOOK_MEMBERS, rows)


def carrier_of(*rows):
    """Carrier records from rows of the book: the columns that both sides have."""
    return _table(records.CARRIER_MEMBERS, rows)
