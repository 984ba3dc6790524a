"""`python -m refinery` is the command line."""

from refinery.server.cli import main

main()
