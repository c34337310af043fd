"""The guide for whoever watches from outside: what it and its dashboard name is served, and nothing is left out."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.server import ROOT, JobRunner

pytestmark = pytest.mark.either

GUIDE = (ROOT / "docs" / "guide" / "observability.md").read_text()
DASHBOARD: dict[str, Any] = json.loads((ROOT / "docs" / "grafana-dashboard.json").read_text())
NAME = re.compile(r"\b(?:job_runner|process)_[a-z_]+\b")
VARIABLES = {"datasource", "job", "instance", "__rate_interval"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The kind of each metric, by its name."""
    with JobRunner(tmp_path_factory.mktemp("metrics") / "data") as runner:
        return dict(re.findall(r"^# TYPE (\S+) (\S+)$", runner.http.get("/metrics").text, re.MULTILINE))


def series(served: dict[str, str]) -> set[str]:
    """Every name that a query may use."""
    parts = {"histogram": ("_bucket", "_sum", "_count")}
    return {name + part for name, kind in served.items() for part in parts.get(kind, ("",))}


def panels() -> list[dict[str, Any]]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def queries() -> Iterator[str]:
    """Every query of the dashboard, its variables' too."""
    yield from (target["expr"] for panel in panels() for target in panel["targets"])
    yield from (variable["definition"] for variable in DASHBOARD["templating"]["list"] if "definition" in variable)


def test_every_metric_of_the_dashboard_and_of_the_alerts_is_served(served: dict[str, str]) -> None:
    alerts = yaml.safe_load(re.findall(r"^```yaml\n(groups:.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)[0])
    rules = alerts["groups"][0]["rules"]
    assert len(rules) == 3
    assert all(rule["for"] and rule["annotations"]["summary"] for rule in rules)
    named = {name for query in (*queries(), *(rule["expr"] for rule in rules)) for name in NAME.findall(query)}
    assert named - series(served) == set()


def test_every_metric_is_in_the_guides_table_with_its_labels_and_in_the_dashboard(served: dict[str, str]) -> None:
    own = {name for name in served if name.startswith("job_runner_")}
    rows = [line for line in GUIDE.splitlines() if line.startswith("| `job_runner_")]
    assert {name for row in rows for name in re.findall(r"`(job_runner_\w+)", row)} == own
    shown = {name for query in queries() for name in NAME.findall(query)}
    assert {name for name in own if not {name, f"{name}_bucket"} & shown} == set()


def test_names_follow_the_rules_of_prometheus(served: dict[str, str]) -> None:
    own = {name: kind for name, kind in served.items() if name.startswith("job_runner_")}
    assert [name for name, kind in own.items() if (kind == "counter") != name.endswith("_total")] == []
    assert [name for name, kind in own.items() if kind == "histogram" and not name.endswith("_seconds")] == []


def test_every_panel_can_be_shown_by_any_grafana_that_imports_it() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in panels():
        assert panel["datasource"]["uid"] == "${datasource}", panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    used = {name for query in queries() for name in re.findall(r"\$(\w+)", query)}
    assert used | {"datasource"} == VARIABLES
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    cells = [(x, y) for p in places for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])]
    assert len(cells) == len(set(cells)), "no panel lies upon another"


def test_what_the_guide_links_to_is_there() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)", GUIDE):
        assert (Path(ROOT / "docs" / "guide") / link).exists(), link
