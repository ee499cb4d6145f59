"""What an answer of the exchange to us means: conditions, as SQL, on `ledger.answer`."""

# The rule of the case that tells of rejections of what we have not sent.
TO_NOTHING_OF_OURS = "answer-to-nothing-of-ours"


def rejects(alias: str) -> str:
    """The condition that an answer rejects what it is about.

    TA104 R; AK901 but A, E, P (005010X231A1: M, W and X reject for security); IK501 but A, E; of a
    business acknowledgement whatever is not known as a warning.
    """
    return f"""CASE {alias}.level
      WHEN 'group' THEN {alias}.code NOT IN ('A', 'E', 'P')
      WHEN 'set' THEN {alias}.code NOT IN ('A', 'E')
      ELSE {alias}.code = 'R' END"""
