"""How PostgreSQL goes about every statement of a hot path: docs/plans.md, written by `python -m bench.plans`.

seen     statements as they are sent, each with its plan      walks     the hot paths, walked by the code that walks them in production
"""
