"""`python -m services.catalog`: the commands every service has, and those that change the catalog."""

from shared import cli

from .app import SERVICE
from .importing import command

main = cli.commands(SERVICE)
for own in command.commands(SERVICE):
    main.add_command(own)

if __name__ == "__main__":
    main()
