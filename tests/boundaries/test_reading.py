"""Files of every kind are read: what cannot be read is a finding, and never an exception."""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grimp
import pytest

from remit.boundaries import CodeContext, CodeMap, check_code, read_code
from remit.boundaries import reading as processes
from remit.errors import Findings, ModelError
from remit.relations import CustomerSupplier, SeparateWays
from tests.boundaries.code_base import checked, mapped, noted, told, written

BUYS = CustomerSupplier(supplier="sales", customer="billing")
HANDLERS = "shop/billing/handlers.py"
INTERNAL = "import shop.sales.model\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"x = 1\ndef broken(:\n", 2),
        (b"name = 'caf\xe9'\n", 1),
        (b"# -*- coding: nonsense -*-\n", 1),
        (b"x = '\0'\n", 1),
        (b"x = " + b"(" * 1000 + b")" * 1000 + b"\n", 1),
        (b"x = " + b"-" * 100_000 + b"1\n", 1),
    ],
    ids=["syntax", "not UTF-8", "unknown encoding", "NUL", "too many parentheses", "too deep"],
)
def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path, content: bytes, line: int) -> None:
    folder = written(tmp_path)
    (folder / HANDLERS).write_bytes(content)
    (found,) = checked(mapped(folder, BUYS))
    assert found[0] == "source.unreadable"
    assert found[1].startswith(f"{HANDLERS}:")
    assert line == 1 or found[1].endswith(f":{line}")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfimport shop.sales.model\n",
        b"# -*- coding: latin-1 -*-\nname = '\xe9'; import shop.sales.model\n",
        b"import shop.sales.model\r\n",
        b"x = 'a" + b"\\n' + 'a" * 500 + b"'\nimport shop.sales.model\n",
        b"x = a" + b".b" * 500 + b"\nimport shop.sales.model\n",
        b"x = x.y\ny = x.z\nx = y\nx.a.b\nimport shop.sales.model\n",
        b"for x in x: x = [x[x], *x]\nfrom importlib import import_module as f\nf(x + x)\nimport shop.sales.model\n",
        b"".join(b"x%d = [x%d, x%d]\n" % (i + 1, i, i) for i in range(60))
        + b"__import__(x60)\nimport shop.sales.model\n",
        b"n = 1" + b" + 1" * 500 + b"\nimport shop.sales.model\n",
    ],
    ids=[
        "byte order mark",
        "encoding line",
        "line ends",
        "long text",
        "long chain",
        "names in a circle",
        "a loop in a circle",
        "lists of lists",
        "a long sum",
    ],
)
def test_unusual_files_are_read(tmp_path: Path, content: bytes) -> None:
    folder = written(tmp_path)
    (folder / HANDLERS).write_bytes(content)
    assert [code for code, _ in checked(mapped(folder, BUYS))] == ["import.unpublished"]


def test_a_file_that_is_too_large_is_a_finding(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: "#" * 8_000_001})
    assert checked(mapped(folder, BUYS)) == [("source.unreadable", HANDLERS)]


def test_the_code_of_a_notebook_is_read_at_its_lines(tmp_path: Path) -> None:
    cells = [
        {"cell_type": "markdown", "source": ["import shop.sales.model"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!ls\n", "x = 1\n"]},
        {"cell_type": "code", "source": ["%%bash\n", "import nothing"]},
        {"cell_type": "code", "source": ["y = 2\n", "from shop.sales.model import Order"]},
    ]
    text = json.dumps({"cells": cells}, indent=1)
    folder = written(tmp_path, {"shop/billing/look at it.ipynb": text})
    line = next(number for number, each in enumerate(text.splitlines(), 1) if "import Order" in each)
    assert checked(mapped(folder, BUYS)) == [("import.unpublished", f"shop/billing/look at it.ipynb:{line}")]


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"cells": [1]}', '{"cells": [{"cell_type": "code"'])
def test_a_broken_notebook_is_a_finding(tmp_path: Path, text: str) -> None:
    folder = written(tmp_path, {"shop/billing/broken.ipynb": text})
    assert checked(mapped(folder, BUYS)) == [("source.unreadable", "shop/billing/broken.ipynb:1")]


def test_a_link_to_a_folder_above_ends_and_is_noted(tmp_path: Path) -> None:
    folder = written(tmp_path, {HANDLERS: INTERNAL})
    (folder / "shop/billing/again").symlink_to(folder / "shop", target_is_directory=True)
    (folder / "shop/billing/itself").symlink_to(folder / "shop/billing/itself")
    (folder / "shop/billing/absent.py").symlink_to(folder / "absent.py")
    code = mapped(folder, BUYS)
    assert checked(code) == [("import.unpublished", f"{HANDLERS}:1")]
    assert noted(code) == [("source.loop", "shop/billing/again")]


def test_namespace_packages_and_circular_imports_are_read(tmp_path: Path) -> None:
    files = {
        "shop/billing/deep/one.py": "from shop.billing.deep import two\nimport shop.sales.model\n",
        "shop/billing/deep/two.py": "from shop.billing.deep import one\nfrom shop.billing.deep.one import two as two\n",
    }
    folder = written(tmp_path, files, without=("shop/billing/__init__.py", "shop/__init__.py"))
    assert checked(mapped(folder, BUYS)) == [("import.unpublished", "shop/billing/deep/one.py:2")]


def test_modules_of_tests_are_read_only_if_the_map_wants_them(tmp_path: Path) -> None:
    folder = written(tmp_path, {"shop/billing/tests/test_it.py": INTERNAL})
    assert checked(mapped(folder, BUYS)) == []
    assert checked(mapped(folder, BUYS, tests=True)) == [("import.unpublished", "shop/billing/tests/test_it.py:1")]


def test_several_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, {HANDLERS: INTERNAL, "shop/sales/model.py": "import shop.billing.api\n"})
    alone = check_code(mapped(folder, BUYS))
    monkeypatch.setattr(processes, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(processes, "_processors", lambda: 2)
    together = check_code(mapped(folder, BUYS))
    assert len(alone) == 3
    assert sorted(told(together, folder)) == sorted(told(alone, folder))


@pytest.mark.parametrize("python", ["/absent/python", "false"])
def test_what_no_other_process_reads_is_read_here(python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, {HANDLERS: INTERNAL})
    monkeypatch.setattr(processes, "_WORTH_A_PROCESS", 1)
    monkeypatch.setattr(processes, "_processors", lambda: 2)
    monkeypatch.setattr(sys, "executable", python)
    assert checked(mapped(folder, BUYS)) == [("import.unpublished", f"{HANDLERS}:1")]


def test_a_folder_without_code_is_read(tmp_path: Path) -> None:
    findings = Findings()
    assert not read_code(CodeMap(name="none", roots=(tmp_path, tmp_path / "absent")), findings).modules.facts
    assert findings == []


def installed(_: Path) -> Path:
    return Path(sysconfig.get_path("purelib"))


def source(_: Path) -> Path:
    return Path(__file__).parents[2] / "src"


@pytest.mark.parametrize(
    ("package", "root"), [("starlette", installed), ("litestar", installed), ("remit", source)]
)  # fmt: skip
def test_whatever_grimp_finds_is_found(
    package: str, root: Callable[[Path], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    theirs = grimp.build_graph(package, cache_dir=None)
    found = read_code(CodeMap(name=package, roots=(root(tmp_path),), packages=(package,), tests=True), Findings())
    ours = found.graph
    expected = {(each, other) for each in theirs.modules for other in theirs.find_modules_directly_imported_by(each)}
    assert len(expected) > 50
    assert expected - {(each, other) for each in ours.modules for other in found.imports.get(each, {})} == set()


def test_files_that_no_import_finds_are_noted_with_their_number(tmp_path: Path) -> None:
    for name in (
        "one/app/a.py",
        "one/app/b.py",
        "two/app/a.py",
        "two/app/b.py",
        "two/app/c.py",
        "one/app/b/__init__.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    code = CodeMap(
        name="both", roots=(tmp_path / "one", tmp_path / "two"), contexts=(CodeContext(name="app", packages=("app",)),)
    )
    (note,) = check_code(code).notes
    assert (note.code, note.where) == ("source.hidden", f"{tmp_path}/one/app/b.py")
    assert note.what.startswith("3 files of app cannot be imported")


def test_a_folder_that_may_not_be_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = written(tmp_path, {"shop/sales/secret/plan.py": "x = 1\n"})
    scan = os.scandir

    def refusing(path: str) -> Any:
        if path.endswith("secret"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert checked(mapped(folder)) == [("source.unreadable", "shop/sales/secret")]


def test_without_grimp_separate_ways_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grimp", None)
    code = mapped(written(tmp_path), SeparateWays("sales", "mail"))
    with pytest.raises(ModelError, match="pip install 'remit\\[cli\\]'"):
        check_code(code)
