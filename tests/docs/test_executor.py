"""The executor of pages notices what is wrong with a page."""

import sys
from pathlib import Path

import pytest

from tests.docs.pages import PageError, run_page

GOOD = """
<!-- file: bakery/prices.py -->
```python
PRICE = 3
```

```python
import asyncio
from bakery.prices import PRICE

async def double() -> int:
    return PRICE * 2
```

1. Indented, and in the same module:

   ```python
   assert await double() == 6
   assert double.__module__ in __import__("sys").modules
   ```

```console
$ python -c "from bakery.prices import PRICE; print('price', PRICE); print('took 12 ms')" && \\
    echo done
price   3
took ... ms
done
$ true
```

<!-- exit: 3 -->
```console
$ exit 3
```

<!-- file: server.py -->
```python
import signal, sys
def end(*_):
    print("ended", file=open("ended.txt", "a"))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
signal.pause()
```

<!-- serves -->
```console
$ python server.py
ready
```

<!-- serves instead of: python server.py -->
```console
$ cat ended.txt
ended
$ python server.py again
ready
```

<!-- runs elsewhere: in continuous integration -->
```sh
scripts/test
```

```json
{"a": 1}
```

```text
anything
```
"""

BAD = {
    "a Python block that raises": ("```python\nassert 1 == 2, 'so not'\n```", "so not"),
    "a name from another page": ("```python\nPRICE\n```", "PRICE"),
    "an unknown language": ("```cobol\nDISPLAY 1\n```", "page.md:1: .*'cobol'"),
    "no language": ("```\nx\n```", "language ''"),
    "no end": ("```python\nx = 1\n", "no end"),
    "an unknown comment": ("<!-- output: x -->\n```text\nx\n```", "no such comment"),
    "a block run nowhere": ("<!-- runs elsewhere -->\n```sh\nx\n```", "says where"),
    "a command that fails": ("```sh\nfalse\n```", "ended with 1, not 0"),
    "a command that does not fail": ("<!-- exit: 2 -->\n```sh\ntrue\n```", "ended with 0, not 2"),
    "a first command that fails": ("```console\n$ false\n$ true\n```", "ended with 1"),
    "other output": ("```console\n$ echo one\ntwo\n```", "did not print 'two'"),
    "output in another order": ("```console\n$ echo one; echo two\ntwo\none\n```", "did not print 'one'"),
    "no command": ("```console\necho one\n```", "begins with"),
    "a server that ends": ("<!-- serves -->\n```console\n$ echo no\nready\n```", "did not print 'ready'"),
    "a server killed by the signal": ("<!-- serves -->\n```sh\nsleep 60\n```", "ended with -15"),
    "a server instead of none": ("<!-- serves instead of: x -->\n```sh\nsleep 60\n```", "`x` does not serve"),
    "JSON that is none": ("```json\n{,}\n```", "property name"),
}


def test_a_good_page_runs_and_leaves_nothing(tmp_path: Path) -> None:
    before = Path.cwd(), list(sys.path), set(sys.modules)
    run_page(GOOD, "good.md", tmp_path)
    assert (Path.cwd(), list(sys.path), set(sys.modules)) == before


@pytest.mark.parametrize("name", BAD)
def test_a_bad_page_is_noticed(tmp_path: Path, name: str) -> None:
    text, message = BAD[name]
    with pytest.raises((PageError, AssertionError, NameError, ValueError), match=message):
        run_page(text, "page.md", tmp_path)
