"""A new pair of states: an example dataset and a model file to start from."""

from bayes_alliance.starter.pair import MODEL_FILE, Pair, read_pair
from bayes_alliance.starter.write import write_starter

__all__ = ["MODEL_FILE", "Pair", "read_pair", "write_starter"]
