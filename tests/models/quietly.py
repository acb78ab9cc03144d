"""Transformers without its messages, among which those of a test would be lost."""

import os
import sys
import unittest

import transformers


def silence():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # otherwise it warns of its threads at a fork


def main():
    """Runs the test cases of the script, whose own arguments are not for unittest."""
    silence()
    unittest.main(argv=sys.argv[:1], verbosity=2)
