"""``python -m bayes_alliance.cli``."""

from bayes_alliance.cli.app import main

if __name__ == "__main__":
    main()
