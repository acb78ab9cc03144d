"""The ABI's codes and bits of torch's dtypes, and a tensor as the tests compare it."""
import torch

CODES = {
    torch.float64: (2, 64), torch.float32: (2, 32), torch.float16: (2, 16), torch.bfloat16: (4, 16),
    torch.int64: (0, 64), torch.int32: (0, 32), torch.int16: (0, 16), torch.int8: (0, 8),
    torch.uint8: (1, 8), torch.bool: (6, 8),
}


def described(tensor):
    data = tensor.detach().contiguous().reshape(-1)
    return {
        "shape": list(tensor.shape),
        "code": CODES[tensor.dtype][0],
        "bits": CODES[tensor.dtype][1],
        "bytes": data.view(torch.uint8).numpy().tobytes().hex() if tensor.numel() else "",
    }
