"""The store in which names of read models mean live versions knows every method that takes such a name."""

import inspect

from remit.stores import LiveVersions, Store

NAMES = {"kind", "table", "tables", "selection", "subscription", "projection", "unit", "name"}
FOR_OTHERS = {
    "count_states": "an operator names the version",
    "erase": "an operator names the version",
    "forget": "a follower reports under the name that it has always had",
    "report": "a follower reports under the name that it has always had",
    "page": "records only",
    "page_at": "aggregates only",
    "recall": "aggregates only",
    "stream": "aggregates only",
    "lives": "aggregates only",
}


def test_each_method_that_takes_the_name_of_a_read_model_gives_it_its_version() -> None:
    methods = {name: inspect.signature(each).parameters for name, each in inspect.getmembers(Store, inspect.isfunction)}
    taking = {name for name, parameters in methods.items() if NAMES & parameters.keys()}
    assert taking - vars(LiveVersions).keys() == FOR_OTHERS.keys()
