"""Stores on a shelf, as another distribution brings them. This package describes them; `store` is what opens them."""

from remit.stores import StoreTechnology

__all__ = ["SHELF"]

SHELF = StoreTechnology(
    name="shelf",
    title="shelves",
    form="shelf:PATH",
    opens="remit_shelf.store:open_shelf",
    durable=True,
    shared_between_processes=True,
    path=True,
    install="remit-shelf",
)
