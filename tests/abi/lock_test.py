"""Changes that the lock accepts, and changes that it rejects."""

import unittest

from lock import breaches

HDR = "hdr @0 +8 : strata_hdr"
BEFORE = {"constants": ["STRATA_ABI_MINOR = 1", "STRATA_NONE = 9"], "enum A": ["A = 1", "B = 2"],
          "struct grows": [HDR, "x @8 +4 : uint32_t"], "struct frozen": ["p @0 +8 : void *"]}


def after(minor=1, **changed):
    return {**BEFORE, "constants": [f"STRATA_ABI_MINOR = {minor}", "STRATA_NONE = 9"],
            **{name.replace("_", " ", 1): lines for name, lines in changed.items()}}


class Lock(unittest.TestCase):
    def refused(self, now, words):
        self.assertIn(words, "\n".join(breaches(BEFORE, now)))

    def test_the_same_passes(self):
        self.assertEqual(list(breaches(BEFORE, BEFORE)), [])

    def test_a_field_at_the_end_passes_with_a_new_minor(self):
        longer = [*BEFORE["struct grows"], "y @12 +4 : uint32_t"]
        self.assertEqual(list(breaches(BEFORE, after(2, struct_grows=longer))), [])
        self.refused(after(1, struct_grows=longer), "without raising STRATA_ABI_MINOR")

    def test_an_enum_value_or_struct_that_is_new_passes_with_a_new_minor(self):
        new = {"enum_A": ["A = 1", "B = 2", "C = 3"], "struct_new": [HDR]}
        self.assertEqual(list(breaches(BEFORE, after(2, **new))), [])

    def test_an_inserted_field_is_refused(self):
        self.refused(after(2, struct_grows=[HDR, "y @8 +4 : uint32_t", "x @12 +4 : uint32_t"]),
                     "'x @8 +4 : uint32_t' was there")

    def test_another_type_of_the_same_size_is_refused(self):
        self.refused(after(2, struct_grows=[HDR, "x @8 +4 : int32_t"]), "now 'x @8 +4 : int32_t'")

    def test_a_field_struct_or_value_that_is_gone_is_refused(self):
        self.refused(after(2, struct_grows=[HDR]), "now 'nothing'")
        self.refused({k: v for k, v in BEFORE.items() if k != "enum A"}, "enum A: is gone")

    def test_another_value_is_refused(self):
        self.refused(after(2, enum_A=["A = 1", "B = 3"]), "now 'B = 3'")
        self.refused(after(2, constants=["STRATA_ABI_MINOR = 2", "STRATA_NONE = 8"]),
                     "STRATA_NONE = 9: has changed")

    def test_a_struct_without_a_header_does_not_grow(self):
        self.refused(after(2, struct_frozen=["p @0 +8 : void *", "q @8 +8 : void *"]),
                     "may not grow")


unittest.main()
