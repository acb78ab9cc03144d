#!/usr/bin/env bash
# transformers 5.24.0, MPT: the configuration's `attn_pdrop`, the rate of the attention's dropout, is declared as a
# whole number and checked, so that a rate such as 0.1 ends in an error; 0 and 1 are taken. The model passes the number
# to torch's dropout, and `emb_pdrop` and `resid_pdrop` of the same configuration are fractions.
#
# Expected: a rate between 0 and 1 is taken. Seen: a config.json of MPT that was written with an `attn_pdrop` of 0.1
# cannot be opened, and the attention can be trained with no dropout or with everything dropped.
#
# Ends with 0 while this is so, and prints:
#   attn_pdrop 0: taken, 0.1: refused, 1: taken; resid_pdrop 0.1: taken
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q --disable-pip-version-check torch==2.11.0 transformers==5.24.0
"$folder/venv/bin/python" -W ignore - <<'EOF2'
import sys

import transformers


def taken(**keys):
    try:
        transformers.MptConfig(vocab_size=64, d_model=32, n_heads=4, n_layers=2, **keys)
    except Exception as error:
        if "attn_pdrop" not in str(error):
            raise
        return False
    return True


seen = [taken(attn_config={"attn_pdrop": rate}) for rate in (0, 0.1, 1)] + [taken(resid_pdrop=0.1)]
print("attn_pdrop 0: {}, 0.1: {}, 1: {}; resid_pdrop 0.1: {}".format(*("taken" if one else "refused" for one in seen)))
sys.exit(seen != [True, False, True, True])
EOF2
