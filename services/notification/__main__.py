"""`python -m services.notification`: what every service has, and what operations need here."""

from shared import cli

from .app import SERVICE

if __name__ == "__main__":
    cli.commands(SERVICE)()
