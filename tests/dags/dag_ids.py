"""The DAGs that there are, by their ids."""

ALL = [
    "acknowledgement_watch",
    "exchange_intake",
    "housekeeping",
    "monthly_reconciliation",
    "nightly_cycle",
    "restore_drill",
]
