"""PostgreSQL, a Kafka broker, a mailbox and all our processes on one machine, for `make up`, `make demo` and the tests.

Never part of what is deployed: no service imports it.
"""
