"""Prints the manifest of a plugin whose folder has descriptions of models. Each file adds the model type that
it describes to the manifest's keys, and its table [gguf] to the manifest's mappings of GGUF files.

usage: descriptions.py FOLDER    (of manifest.json, descriptions/*.toml and, if there is one, gguf.toml)

A mapping [gguf.ARCHITECTURE] takes parts that stand once in gguf.toml: `with = ["experts"]`. TOML has no
null, so `false` in a mapping's `config` or `names` stands for the null that takes a key away.
"""

import json
import pathlib
import sys
import tomllib


class Wrong(Exception):
    pass


def parsed(file):
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except ValueError as fact:  # malformed TOML or UTF-8
        raise Wrong(f"{file}: {fact}") from None


def merged(below, above):
    """Both tables in one; a value of `above` counts where they have the same key."""
    out = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(out.get(key), dict)
        out[key] = merged(out[key], value) if both else value
    return out


def mapping(table, shared, where):
    out = {}
    for part in table.get("with", []):
        if part not in shared:
            raise Wrong(f"{where}.with: gguf.toml has no '{part}': use {', '.join(shared)}")
        out = merged(out, shared[part])
    out = merged(out, {key: value for key, value in table.items() if key != "with"})
    for key in ("config", "names"):
        if key in out:
            out[key] = {name: None if value is False else value for name, value in out[key].items()}
    return out


def mappings_of(file, description, shared):
    """The mappings of one description, by architecture, with its model type."""
    tables = description.get("gguf", {})
    if not isinstance(tables, dict) or not all(isinstance(one, dict) for one in tables.values()):
        raise Wrong(f"{file}: gguf: it is no table of tables: write [gguf.ARCHITECTURE]")
    out = {}
    for architecture, table in tables.items():
        out[architecture] = mapping(table, shared, f"{file}: gguf.{architecture}")
        # A mapping that is like another one of the file has the model type of that one.
        if table.get("like") not in tables:
            out[architecture]["model_type"] = description["model_type"]
    return out


def manifest(folder):
    out = json.loads((folder / "manifest.json").read_text("utf-8"))
    shared = parsed(folder / "gguf.toml") if (folder / "gguf.toml").exists() else {}
    keys, mappings = out.get("keys", []), out.get("gguf", {})
    for file in sorted((folder / "descriptions").glob("*.toml"), key=lambda file: file.stem):
        description = parsed(file)
        if description.get("model_type") != file.stem:
            raise Wrong(f"{file}: model_type is not the file's name")
        keys.append(file.stem)
        for architecture, found in mappings_of(file, description, shared).items():
            if architecture in mappings:
                raise Wrong(f"{file}: gguf.{architecture}: it is mapped already")
            mappings[architecture] = found
    for architecture, found in mappings.items():
        if found.get("like", architecture) not in mappings:
            raise Wrong(f"{folder}: gguf.{architecture}: nothing is like '{found['like']}'")
    return out | {"keys": keys} | ({"gguf": mappings} if mappings else {})


def main():
    try:
        print(json.dumps(manifest(pathlib.Path(sys.argv[1])), indent=1))
    except Wrong as fact:
        sys.exit(str(fact))


if __name__ == "__main__":
    main()
