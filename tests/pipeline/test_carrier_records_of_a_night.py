"""A night whose carrier has no member on record."""

from enrollment.snapshot import book_snapshot

CEDAR, HARBOR = "cedar-valley-tx", "harbor-light-nc"


def test_a_carrier_without_members_agrees_with_an_empty_book_only(world):
    """Before the first enrollment nobody is on record; after it, such an extract is a wrong one."""
    world.write_carrier_records(1)
    extracts = {name: world.folder / "carrier" / name / "members.csv" for name in (CEDAR, HARBOR)}
    assert all(len(path.read_text().splitlines()) == 1 for path in extracts.values())
    assert world.run(1).state == "balanced"

    world.exchange.send(1)
    result = world.run(2)

    assert result.state == "failed"
    for failure in result.failures:
        with world.house.engine.connect() as conn:
            members = book_snapshot(conn, failure.partner_id, world.clock(2)).num_rows
        assert failure.step == "reconciling and effectuating"
        assert f"{extracts[failure.partner_id]} holds no member record" in failure.sentence
        assert f"all {members} members of the book" in failure.sentence
    assert {failure.partner_id for failure in result.failures} == {CEDAR, HARBOR}
    assert not world.rows("SELECT 1 FROM ledger.file WHERE kind = 'effectuation'")
