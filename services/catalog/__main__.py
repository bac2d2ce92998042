"""`python -m services.catalog`: the commands every service has, and those that change the catalog."""

from shared import cli, retention

from .app import SERVICE
from .importing import command
from .retention import RULES

main = cli.commands(SERVICE)
main.add_command(retention.command(SERVICE, RULES))
for own in command.commands(SERVICE):
    main.add_command(own)

if __name__ == "__main__":
    main()
