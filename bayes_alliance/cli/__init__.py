"""The command line: parses, calls what a script calls, prints.

Invariant: exit status 0 for success, 2 for wrong input, 1 for a fit that failed the gate, 130
after an interruption; an error of the package is one message and never a traceback.
"""

from bayes_alliance.cli.app import main

__all__ = ["main"]
