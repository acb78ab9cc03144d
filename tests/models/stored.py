"""Changes how the weights of a Hugging Face folder of one file are stored."""

import safetensors.torch


def store(folder, change):
    """`change` takes and returns the tensors by their names."""
    file = folder / "model.safetensors"
    tensors = {name: tensor.clone()
               for name, tensor in change(safetensors.torch.load_file(file)).items()}
    safetensors.torch.save_file(tensors, file, metadata={"format": "pt"})


def without(prefix):
    """Names without that prefix."""
    return lambda folder: store(
        folder, lambda all: {name.removeprefix(prefix): tensor for name, tensor in all.items()})


def with_head(table):
    """The head's matrix beside the table that it is tied to."""
    return lambda folder: store(folder, lambda all: all | {"lm_head.weight": all[table]})


def head_alone(table):
    """The head's matrix in place of the table that it is tied to."""
    return lambda folder: store(
        folder, lambda all: {"lm_head.weight" if name == table else name: tensor
                             for name, tensor in all.items()})
