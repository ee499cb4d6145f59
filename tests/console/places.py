"""Where each page of the console is found in the seeded night, by the path of its route."""

PLACES = {
    "/": lambda _: "/",
    "/sign-in": lambda _: "/sign-in",
    "/account": lambda _: "/account",
    "/accounts": lambda _: "/accounts",
    "/reveal": lambda opened: f"/reveal?field=segment&of={_file(opened)}-0-105",
}


def place_of(path, opened):
    """The address of a page that shows something."""
    return PLACES[path](opened)


def _file(opened):
    (row,) = opened.rows(
        "SELECT min(file_id) AS file_id FROM ledger.file WHERE size_bytes > 1000"
        " AND direction = 'exchange_to_issuer'"
    )
    return row.file_id
