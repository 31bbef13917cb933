"""The system that two services run: sales publishes orders, billing charges an account for each."""

from benchmarks.delivery.ours import make_shop
from benchmarks.relay import moments

shop = make_shop(moments.prepared())
