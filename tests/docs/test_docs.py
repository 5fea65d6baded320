"""What the pages name exists: linked files, commands, flags, metrics, settings of the deployment files."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from prometheus_client import REGISTRY

from cli.main import app
from config.load import load
from tests.places import ROOT
from workers import metrics

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")])
_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)[^)]*\)")
_TEST = re.compile(r"def (test_\w+)\(")
_FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
ROOT_COMMAND: Any = typer.main.get_command(app)


def flags(command: Any) -> set[str]:
    found = {flag for parameter in command.params for flag in parameter.opts} | {"--help"}
    return found.union(*(flags(child) for child in getattr(command, "commands", {}).values()))


def test_there_are_pages() -> None:
    assert len(PAGES) > 3


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    links = _LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_in_code_exists_with_its_flags(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    spans = re.findall(r"`surefoot ([^`\n]+)`", text) + re.findall(r"^\$ (?:\w+=\S+ )?surefoot (.+)$", text, re.M)
    wrong = []
    for span in spans:
        words = span.split("#")[0].split()
        command, known = ROOT_COMMAND, flags(ROOT_COMMAND)
        named = next((word for word in words if word in ROOT_COMMAND.commands), None)
        if named is not None:
            command = ROOT_COMMAND.commands[named]
            known = flags(command) | {flag for parameter in ROOT_COMMAND.params for flag in parameter.opts}
        elif re.fullmatch(r"[a-z]+", words[0]):
            wrong.append(span)
        wrong += [f"{span}: {flag}" for flag in _FLAG.findall(" ".join(words)) if flag not in known]
    assert wrong == []


@pytest.mark.parametrize(
    ("page", "begins", "ends", "least"),
    [
        ("how-a-trade-lives.md", "### Opening", "## What is worth most", 50),
        ("readiness.md", "## What fails", "With Postgres down", 9),
    ],
)
def test_every_row_of_a_table_of_states_names_tests_that_exist(page: str, begins: str, ends: str, least: int) -> None:
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    known = {name for path in ROOT.glob("tests/**/test_*.py") for name in _TEST.findall(path.read_text("utf-8"))}
    rows = [line for line in text.split(ends)[0].split(begins)[1].splitlines() if "|" in line]
    rows = [row for row in rows if not row.startswith("|---") and "| test |" not in row]
    assert len(rows) >= least
    assert [row for row in rows if "`test_" not in row] == []
    assert set(re.findall(r"`(test_\w+)`", text)) - known == set()


def test_prometheus_reads_metrics_that_exist() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text(encoding="utf-8"))
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert scrape["rule_files"] == ["alerts.yml"]
    assert metrics.FEED_UP is not None
    ours = {f"{family.name}{end}" for family in REGISTRY.collect() for end in ("", "_total", "_bucket", "_count")}
    alerts = [rule for group in rules["groups"] for rule in group["rules"]]
    assert all({"alert", "expr", "labels", "annotations"} <= rule.keys() for rule in alerts)
    named = {name for rule in alerts for name in re.findall(r"surefoot_\w+", rule["expr"])}
    assert named - ours == set()


def test_the_page_on_metrics_names_every_metric_of_ours() -> None:
    text = (ROOT / "docs/metrics-and-logs.md").read_text(encoding="utf-8")
    ours = {family.name for family in REGISTRY.collect() if family.name.startswith("surefoot_")}
    assert [name for name in sorted(ours) if name not in text] == []


def test_the_settings_the_deployment_shows_are_accepted_and_are_the_ports_prometheus_scrapes(tmp_path: Path) -> None:
    examples = re.findall(r"```yaml\n(.*?)```", (ROOT / "deploy/README.md").read_text(encoding="utf-8"), re.DOTALL)
    ports: set[str] = set()
    for number, example in enumerate(examples):
        path = tmp_path / f"{number}.yaml"
        path.write_text(example, encoding="utf-8")
        configured = load(config=path, environ={}).settings.metrics.model_dump()
        ports |= {f"127.0.0.1:{port}" for port in configured.values() if port}
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    assert {t for job in scrape["scrape_configs"] for s in job["static_configs"] for t in s["targets"]} == ports


def test_every_table_of_the_ledger_has_its_row() -> None:
    text = (ROOT / "docs/ledger.md").read_text(encoding="utf-8")
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("ledger/migrations/*.sql"))
    tables = set(re.findall(r"^CREATE TABLE (\w+)", scripts, re.M))
    assert len(tables) > 10
    assert {table for table in tables if f"| `{table}` |" not in text} == set()


def test_every_decision_is_in_their_index() -> None:
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    pages = {path.name for path in ROOT.glob("docs/decisions/0*.md")}
    assert {page for page in pages if f"({page})" not in index} == set()
