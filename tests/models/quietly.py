"""Transformers without its messages, among which those of a test would be lost."""

import functools
import os
import sys
import unittest

import tqdm
import transformers


def hidden(make):
    """The constructor of progress bars that are never shown, whatever their maker asks for."""
    return functools.wraps(make)(lambda self, *words, **more: make(self, *words, **{**more, "disable": True}))


def silence():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    tqdm.tqdm.__init__ = hidden(tqdm.tqdm.__init__)  # of compressed-tensors, which has no switch
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # otherwise it warns of its threads at a fork


def main():
    """Runs the test cases of the script, whose own arguments are not for unittest."""
    silence()
    unittest.main(argv=sys.argv[:1], verbosity=2)
