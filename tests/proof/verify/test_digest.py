"""A digest changes with the code that a proof imports, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from proof.kept.digest import digest, modules

FILES = {
    "domain/__init__.py": "",
    "domain/money.py": "CENT = 1\n",
    "domain/book.py": "from domain.money import CENT\nTWO = 2 * CENT\n",
    "domain/unused.py": "X = 1\n",
    "ledger/__init__.py": "",
    "ledger/migrations/1.sql": "create table t ();\n",
    "workers/__init__.py": "",
    "workers/trader/__init__.py": "",
    "workers/trader/__main__.py": "from domain.book import TWO\n",
    "workers/proof.py": '"""Words."""\nimport ledger\nARGV = ("-m", "workers.trader")\n',
    "proof/verify/__init__.py": "",
    "proof/kept/results.py": "X = 1\n",
    "workers/keeps.py": "import proof.kept.results\n",
    "docs/page.md": "words",
    "tests/test_proof.py": "def test_it() -> None: ...",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return tmp_path


def of(tree: Path, *entries: str, without: tuple[str, ...] = ()) -> str:
    digest.cache_clear()
    return digest(*entries, without=without, tree=tree)


def test_all_that_is_imported_and_all_that_is_started_by_name_is_covered(tree: Path) -> None:
    found = modules("workers.proof", tree=tree)
    assert found == {
        "workers", "workers.proof", "ledger", "workers.trader", "workers.trader.__main__", "domain", "domain.book",
        "domain.money",
    }  # fmt: skip
    assert modules("workers.proof", without=("workers.trader",), tree=tree) == {"workers", "workers.proof", "ledger"}


@pytest.mark.parametrize("changed", ["domain/money.py", "workers/trader/__init__.py", "workers/proof.py"])
def test_a_change_of_code_far_down_changes_it(tree: Path, changed: str) -> None:
    before = of(tree, "workers.proof")
    (tree / changed).write_text(FILES[changed] + "Y = 3\n")
    assert of(tree, "workers.proof") != before


def test_a_changed_migration_changes_it(tree: Path) -> None:
    before = of(tree, "workers.proof")
    (tree / "ledger/migrations/2.sql").write_text("drop table t;\n")
    assert of(tree, "workers.proof") != before


@pytest.mark.parametrize("changed", ["docs/page.md", "tests/test_proof.py", "domain/unused.py"])
def test_docs_tests_and_code_that_is_not_imported_do_not(tree: Path, changed: str) -> None:
    before = of(tree, "workers.proof")
    (tree / changed).write_text("Z = 4\n")
    assert of(tree, "workers.proof") == before


def test_comments_docstrings_and_layout_do_not(tree: Path) -> None:
    before = of(tree, "workers.proof")
    (tree / "domain/money.py").write_text('"""Money."""\n\n# why\nCENT = (\n    1\n)\n')
    (tree / "workers/proof.py").write_text(FILES["workers/proof.py"].replace("Words", "Other words"))
    assert of(tree, "workers.proof") == before


def test_the_bookkeeping_of_results_does_not(tree: Path) -> None:
    before = of(tree, "workers.keeps")
    (tree / "proof/kept/results.py").write_text("X = 2\n")
    assert of(tree, "workers.keeps") == before


def test_an_entry_that_is_not_there_is_an_error(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"no module workers\.prof in"):
        of(tree, "workers.prof")


def test_the_simulators_code_reaches_the_trade_and_no_process() -> None:
    found = modules("proof.simulate.campaign")
    assert {"workflows.lifecycle", "activities.orders", "domain.residual", "testing.venue.exchange"} <= found
    assert not any(name.startswith(("ingest", "workers.local", "cli")) for name in found)
