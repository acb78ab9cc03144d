"""`strata download` against a server of this machine: what it fetches lies as huggingface_hub lays it,
and faults of the server are outlived or named.

Usage: download_test.py PROGRAM
"""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import numpy
from safetensors.numpy import save

from server import COMMIT, Hub, git_sha1

PROGRAM = os.path.abspath(sys.argv[1])
CONFIG = {"model_type": "llama", "vocab_size": 32, "hidden_size": 16, "intermediate_size": 24,
          "num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 64,
          "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "dtype": "float32"}
SHAPES = {"model.embed_tokens.weight": (32, 16), "model.norm.weight": (16,)} | {
    f"model.layers.0.{name}.weight": shape for name, shape in {
        "input_layernorm": (16,), "post_attention_layernorm": (16,),
        "self_attn.q_proj": (16, 16), "self_attn.k_proj": (16, 16), "self_attn.v_proj": (16, 16),
        "self_attn.o_proj": (16, 16), "mlp.gate_proj": (24, 16), "mlp.up_proj": (24, 16),
        "mlp.down_proj": (16, 24)}.items()}
WEIGHTS = save({name: numpy.zeros(shape, "float32") for name, shape in SHAPES.items()})
FILES = {"config.json": json.dumps(CONFIG).encode(), "generation_config.json": b"{}",
         "model.safetensors": WEIGHTS, "pytorch_model.bin": b"not wanted", "README.md": b"no",
         "onnx/model.onnx": b"no", ".gitattributes": b"no"}
WANTED = ["config.json", "generation_config.json", "model.safetensors"]


def tree(folder):
    """Every file and link of a cache with its content, except files that only one of the programs keeps."""
    out = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            out[name] = "-> " + os.readlink(path)
        elif path.is_file() and not name.startswith((".locks", "CACHEDIR.TAG")):
            out[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return out


class Download(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="strata-hub-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.blob = (self.folder / "hub/models--org--tiny/blobs" /
                     hashlib.sha256(WEIGHTS).hexdigest())

    def hub(self, files=None, large=("model.safetensors",), **more):
        hub = Hub(FILES if files is None else files, large, **more)
        self.addCleanup(hub.close)
        return hub

    def strata(self, hub, *arguments, **more):
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "LC_ALL": "C",
                       "HF_HOME": str(self.folder), "HF_ENDPOINT": hub.endpoint, **more}
        return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=60,
                              env=environment)

    def download(self, hub, *more, **environment):
        return self.strata(hub, "download", "org/tiny", *more, **environment)

    def passes(self, hub, **environment):
        done = self.download(hub, **environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(self.blob.read_bytes(), WEIGHTS)
        self.assertEqual(list(self.folder.rglob("*.incomplete")), [])

    def fails(self, hub, *words, **environment):
        done = self.download(hub, **environment)
        self.assertEqual((done.returncode, done.stdout), (1, ""), done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertFalse(self.blob.exists())

    def begun(self, data):
        self.blob.parent.mkdir(parents=True)
        (self.blob.parent / (self.blob.name + ".incomplete")).write_bytes(data)

    def test_the_cache_is_as_huggingface_hub_makes_it(self):
        hub = self.hub()
        done = self.download(hub, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        model = self.folder / "hub/models--org--tiny"
        self.assertEqual(json.loads(done.stdout), {"path": str(model / "snapshots" / COMMIT)})
        reference = self.folder / "reference"
        subprocess.run(
            [sys.executable, "-c", "import sys, huggingface_hub as h\n"
             "for name in sys.argv[1:]: h.hf_hub_download('org/tiny', name)", *WANTED],
            check=True, capture_output=True,
            env={**os.environ, "HF_HOME": str(reference), "HF_ENDPOINT": hub.endpoint})
        self.assertEqual(tree(model), tree(reference / "hub/models--org--tiny"))
        self.assertEqual(len(tree(model)), 2 * len(WANTED) + 1)

    def test_what_was_downloaded_runs_by_its_name_and_is_not_fetched_again(self):
        hub = self.hub()
        self.passes(hub)
        hub.requests.clear()
        self.passes(hub)
        self.assertEqual([method + " " + path for method, path, _ in hub.requests],
                         ["GET /api/models/org/tiny/revision/main"])
        done = self.strata(hub, "plan", "--model", "org/tiny", "--device", "cpu", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["weights"],
                         {"bytes": len(WEIGHTS) - 8 - int.from_bytes(WEIGHTS[:8], "little"),
                          "exact": True,
                          "run_bytes": sum(4 * int(numpy.prod(s)) for s in SHAPES.values())})

    def test_a_gguf_model_is_named_by_its_quantization(self):
        parts = ["Q8_0/a-Q8_0-00001-of-00002.gguf", "Q8_0/a-Q8_0-00002-of-00002.gguf"]
        files = dict.fromkeys(["README.md", "a-Q4_K_M.gguf", "a-Q4_K.gguf", "mmproj-a-f16.gguf", *parts], b"GGUF")
        hub = self.hub({name: data + name.encode() for name, data in files.items()}, large=list(files))
        download = lambda name: self.strata(hub, "download", name)
        done = download("org/tiny:q8_0")
        self.assertEqual(done.returncode, 0, done.stderr)
        snapshot = self.folder / "hub/models--org--tiny/snapshots" / COMMIT
        self.assertEqual(done.stdout, f"{snapshot / parts[0]}\n")
        reference = self.folder / "reference"
        subprocess.run(
            [sys.executable, "-c", "import sys, huggingface_hub as h\n"
             "for name in sys.argv[1:]: h.hf_hub_download('org/tiny', name)", *parts],
            check=True, capture_output=True,
            env={**os.environ, "HF_HOME": str(reference), "HF_ENDPOINT": hub.endpoint})
        self.assertEqual(tree(self.folder / "hub/models--org--tiny"), tree(reference / "hub/models--org--tiny"))
        self.assertEqual(download("org/tiny:Q4_K_M").stdout, f"{snapshot / 'a-Q4_K_M.gguf'}\n")
        for name, words in {"org/tiny": "several GGUF models are there: 'Q8_0/a-Q8_0-00001-of-00002.gguf', "
                                        "'a-Q4_K.gguf', 'a-Q4_K_M.gguf': say which, as ORG/NAME:Q4_K_M",
                            "org/tiny:Q5_0": "no GGUF file is of Q5_0: there are 'Q8_0/"}.items():
            done = download(name)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn(words, done.stderr)
        plan = lambda name: self.strata(hub, "plan", "--model", name, "--device", "cpu").stderr
        self.assertIn(str(snapshot / parts[0])[-60:], plan("org/tiny:Q8_0"))
        self.assertIn("fetch it with `strata download org/other:Q8_0`", plan("org/other:Q8_0"))
        offline = self.strata(hub, "download", "org/tiny:q8_0", HF_HUB_OFFLINE="1")
        self.assertEqual(offline.stdout, f"{snapshot / parts[0]}\n")

    def test_a_revision_is_a_ref_of_its_own(self):
        hub = self.hub()
        self.assertEqual(self.download(hub, "--revision", "refs/pr/1").returncode, 0)
        model = self.folder / "hub/models--org--tiny"
        self.assertEqual((model / "refs/refs/pr/1").read_text(), COMMIT)
        self.assertIn("/api/models/org/tiny/revision/refs%2Fpr%2F1",
                      [path for _, path, _ in hub.requests])
        plan = ["plan", "--model", "org/tiny", "--device", "cpu"]
        self.assertEqual(self.strata(hub, *plan).returncode, 1)
        for revision in ("refs/pr/1", COMMIT):
            self.assertEqual(self.strata(hub, *plan, "--revision", revision).returncode, 0)

    def test_shards_are_those_of_the_index(self):
        index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
        files = {"config.json": b"{}", "model.safetensors.index.json": index.encode(),
                 "model-1.safetensors": b"1", "model-2.safetensors": b"22", "model-3.safetensors": b""}
        hub = self.hub(files, large=("model-1.safetensors",))
        done = self.download(hub)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(os.listdir(done.stdout.strip())), sorted(set(files) - {
            "model-3.safetensors"}))

    def test_without_safetensors_the_bin_file_is_taken(self):
        hub = self.hub({"config.json": b"{}", "pytorch_model.bin": b"bin"}, large=())
        done = self.download(hub)
        self.assertEqual(sorted(os.listdir(done.stdout.strip())),
                         ["config.json", "pytorch_model.bin"])
        done = self.download(self.hub({"config.json": b"{}"}))
        self.assertIn("org/tiny: has neither safetensors, pytorch_model.bin nor GGUF", done.stderr)

    def test_a_torn_transfer_goes_on_where_it_ended(self):
        hub = self.hub()
        hub.faults["model.safetensors"] = ["torn"]
        self.passes(hub)
        asked = hub.asked("model.safetensors")
        self.assertEqual([h.get("range") for h in asked if "host" in h][-1],
                         f"bytes={len(WEIGHTS) // 2}-")

    def test_a_file_begun_earlier_is_resumed(self):
        hub = self.hub()
        self.begun(WEIGHTS[:1000])
        self.passes(hub)
        self.assertEqual(hub.asked("model.safetensors")[-1]["range"], "bytes=1000-")

    def test_a_whole_file_is_not_asked_for_again(self):
        hub = self.hub()
        self.begun(WEIGHTS)
        self.passes(hub)
        self.assertEqual(hub.asked("model.safetensors"), [])

    def test_a_server_without_ranges_begins_anew(self):
        hub = self.hub()
        self.begun(b"x" * 1000)
        hub.faults["model.safetensors"] = ["no ranges"]
        self.passes(hub)

    def test_a_range_that_cannot_be_satisfied_begins_anew(self):
        hub = self.hub()
        self.begun(b"x" * 1000)
        hub.faults["model.safetensors"] = [416]
        self.passes(hub)

    def test_what_is_longer_than_the_file_is_thrown_away(self):
        self.begun(WEIGHTS + b"x")
        self.passes(self.hub())

    def test_two_programs_do_not_write_one_file(self):
        self.begun(WEIGHTS[:10])
        with open(f"{self.blob}.incomplete") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.fails(self.hub(), "another program is fetching it")

    def test_bytes_with_another_hash_never_get_their_place(self):
        hub = self.hub()
        hub.faults["model.safetensors"] = ["corrupt"]
        self.fails(hub, "its bytes have the hash", hashlib.sha256(WEIGHTS).hexdigest()[:40])
        self.assertEqual(list(self.folder.rglob("*.incomplete")), [])
        self.passes(hub)

    def test_small_files_are_checked_too(self):
        hub = self.hub(large=())
        hub.faults["config.json"] = ["corrupt"]
        self.fails(hub, "config.json", git_sha1(FILES["config.json"]))

    def test_a_server_that_stalls_is_asked_again(self):
        hub = self.hub()
        hub.faults["model.safetensors"] = ["slow"]
        self.passes(hub, HF_HUB_DOWNLOAD_TIMEOUT="1")
        self.assertEqual(hub.asked("model.safetensors")[-1]["range"], f"bytes={len(WEIGHTS) // 2}-")

    def test_an_overloaded_server_is_asked_again_and_in_the_end_named(self):
        hub = self.hub()
        hub.faults = {"listing": [503, 429], "model.safetensors": [500]}
        self.passes(hub)
        shutil.rmtree(self.folder / "hub")
        hub.faults = {"model.safetensors": [503] * 9}
        self.fails(hub, "/model.safetensors: the hub answers 503")
        self.assertEqual(len(hub.faults["model.safetensors"]), 4)

    def test_the_token_goes_to_the_hub_alone(self):
        hub = self.hub(gated=True)
        self.fails(hub, "the hub refuses (401): set HF_TOKEN")
        hub.requests.clear()
        self.passes(hub, HF_TOKEN="secret")
        for _, path, headers in hub.requests:
            wanted = None if path.startswith("/store/") else "Bearer secret"
            self.assertEqual(headers.get("authorization"), wanted, path)
        self.assertTrue(any(path.startswith("/store/") for _, path, _ in hub.requests))

    def test_the_token_is_the_one_that_a_login_left(self):
        hub = self.hub(gated=True)
        (self.folder / "token").write_text("secret\n")
        (self.folder / "other").write_text("  other ")
        self.fails(hub, "the hub refuses (401)", HF_TOKEN="another")
        self.fails(hub, "the hub refuses (401)", HF_TOKEN_PATH="${HF_HOME}/other")
        self.fails(hub, "the hub refuses (401)", HF_HUB_DISABLE_IMPLICIT_TOKEN="1")
        (self.folder / "token").rename(self.folder / "named")
        self.fails(hub, "the hub refuses (401)")
        self.passes(hub, HF_TOKEN_PATH="$HF_HOME/named")
        for _, path, headers in hub.requests:
            if path.startswith("/store/"):
                self.assertNotIn("authorization", headers)

    def test_a_token_in_home_is_found(self):
        hub = self.hub(gated=True)
        (self.folder / ".cache/huggingface").mkdir(parents=True)
        (self.folder / ".cache/huggingface/token").write_text("secret")
        self.passes(hub, HOME=str(self.folder), HF_HOME="", HF_HUB_CACHE=str(self.folder / "hub"))

    def test_offline_nothing_is_asked_for(self):
        hub = self.hub()
        for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
            self.fails(hub, f"not in {self.folder}/hub/models--org--tiny, and HF_HUB_OFFLINE forbids fetching it: "
                       "unset HF_HUB_OFFLINE", **{name: "yes"})
        self.assertEqual(hub.requests, [])
        plan = ["plan", "--model", "org/tiny", "--device", "cpu"]
        self.assertIn(": unset HF_HUB_OFFLINE and fetch it with `strata download",
                      self.strata(hub, *plan, HF_HUB_OFFLINE="1").stderr)
        self.passes(hub, HF_HUB_OFFLINE="0")
        hub.requests.clear()
        self.passes(hub, HF_HUB_OFFLINE="1")
        self.assertEqual(self.strata(hub, *plan, HF_HUB_OFFLINE="TRUE").returncode, 0)
        self.assertEqual(hub.requests, [])

    def test_an_unknown_model_is_an_error(self):
        done = self.strata(self.hub(), "download", "org/none")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the hub has no such model, revision or file (404)", done.stderr)

    def test_no_server_is_an_error(self):
        hub = self.hub()
        hub.close()
        self.fails(hub, "no answer: ", "check the network and HF_ENDPOINT")

    def test_what_a_hostile_server_says_never_becomes_a_path(self):
        hub = self.hub()
        for listing, words in (
                ({"sha": "../../x", "siblings": []}, "names no commit"),
                ({"sha": COMMIT, "siblings": 3}, "lists no files"),
                ([1], "names no commit"),
                ({"sha": COMMIT, "siblings": [{"rfilename": "../../model.safetensors"}]},
                 "has neither")):
            hub.listing = listing
            self.fails(hub, words)
        hub = self.hub()
        for headers, words in (({"X-Linked-Etag": '"../../../x"'}, "gives no hash"),
                               ({"X-Linked-Size": "-1"}, "how long the file is")):
            hub.headers["model.safetensors"] = headers
            self.fails(hub, words)
        hub.headers["model.safetensors"] = {"X-Linked-Size": 10}
        self.fails(hub, "sends more than the 10 bytes said")
        index = json.dumps({"weight_map": {"a": "../../x"}}).encode()
        self.fails(self.hub({"config.json": b"{}", "model.safetensors.index.json": index}),
                   "not a plain file name")

    def test_wrong_calls_are_refused(self):
        hub = self.hub()
        for arguments, words in ((["../x"], "is no model of a hub"),
                                 (["a/b/c"], "is no model of a hub"),
                                 (["org/tiny", "--revision", "../x"], "is no branch")):
            done = self.strata(hub, "download", *arguments)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, done.stderr)
        done = self.download(hub, HF_TOKEN="a\nb: c")
        self.assertIn("HF_TOKEN: is no token", done.stderr)
        (self.folder / "token").write_bytes(b"\x00\xff")
        done = self.download(hub)
        self.assertIn(f"{self.folder}/token: is no token", done.stderr)
        (self.folder / "token").unlink()
        done = self.download(hub, HF_HUB_DOWNLOAD_TIMEOUT="soon")
        self.assertIn("HF_HUB_DOWNLOAD_TIMEOUT: 'soon' is no wait", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
