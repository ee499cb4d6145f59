"""The console's figures for Prometheus: who may read them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr

from schemas.watch import load_watch
from tests.console.seeded import served

TOKEN = "of the scraper"


def test_this_machine_reads_the_figures_without_a_session(opened):
    """All of them, in the format of Prometheus."""
    answer = opened.get("/metrics")
    names = {one.name for one in text_string_to_metric_families(answer.text)}
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert names == {one.name for one in load_watch().metrics}


@pytest.mark.control("access")
def test_with_a_token_nobody_reads_them_without_it(night):
    """Also not this machine, and not somebody who has signed in."""
    console = night.house.settings.console.model_copy(update={"metrics_token": SecretStr(TOKEN)})
    with served(night, accounts=False, console=console) as opened:
        assert opened.get("/metrics").status_code == 403
        assert opened.get("/metrics", Authorization="Bearer other").status_code == 403
        assert opened.get("/metrics", Authorization=f"Bearer {TOKEN}").status_code == 200


def test_behind_a_proxy_a_token_is_needed(night):
    """There everybody comes from this machine."""
    public = {"public_url": "https://enrollment.carrier.example"}
    console = night.house.settings.console.model_copy(update=public)
    with served(night, accounts=False, console=console) as opened:
        assert opened.get("/metrics").status_code == 403
