"""Side-by-side measurements: remit, what people use today, and what the machine could do at best.

Run them with `scripts/bench`, or `python -m benchmarks [AREA…]` where remit and `requirements.lock` are installed.
`README.md` beside this file says how to read the output.
"""
