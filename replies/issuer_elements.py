"""Which element each column of tables.ISSUER_TRANSACTIONS becomes, as people name it.

Source: CMS guide 7.2, tables 14 and 18 to 22.
"""

ELEMENTS = {
    "exchange_policy_id": "REF*1L",
    "issuer_policy_id": "REF*X9",
    "former_issuer_policy_id": "REF*XM",
    "plan_id": "REF*CE",
    "insurance_line": "HD03",
    "reference": "BGN02",
    "total_count": "QTY*TO",
    "dependent_count": "QTY*DT",
    "sponsor_name": "N1*P5, N102",
    "sponsor_qualifier": "N1*P5, N103",
    "sponsor_id": "N1*P5, N104",
    "payer_name": "N1*IN, N102",
    "payer_id": "N1*IN, N104",
    "last_premium_paid": "DTP*543",
    "is_subscriber": "INS01",
    "relationship_code": "INS02",
    "maintenance_type": "INS03",
    "maintenance_reason": "INS04",
    "additional_maintenance_reason": "ADDL MAINT REASON",
    "employment_status": "INS08",
    "exchange_subscriber_id": "REF*0F",
    "exchange_member_id": "REF*17",
    "issuer_subscriber_id": "REF*ZZ",
    "former_issuer_subscriber_id": "REF*Q4",
    "issuer_member_id": "REF*23",
    "former_issuer_member_id": "REF*ABB",
    "eligibility_begin": "DTP*356",
    "eligibility_end": "DTP*357",
    "maintenance_effective": "DTP*303",
    "benefit_begin": "DTP*348",
    "benefit_end": "DTP*349",
    "last_name": "NM1*IL, NM103",
    "first_name": "NM1*IL, NM104",
    "middle_name": "NM1*IL, NM105",
    "name_suffix": "NM1*IL, NM107",
    "birth_date": "DMG02",
    "gender_code": "DMG03",
}


def element(column: str) -> str:
    """The element of a column; the column's own name when it stands in none."""
    return ELEMENTS.get(column, column)
