"""``python -m bayes_alliance``: the command line where its script is not on the path."""

from bayes_alliance.cli import main

main()
