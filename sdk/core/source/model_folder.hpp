// The model's files in a folder, and the reason why a folder has none.
#pragma once
#include <string>

namespace strata::source {

// The first file of the weights that transformers looks for, in its order: model.safetensors,
// pytorch_model.bin, or the index of either before the next; "" where there is none.
std::string weights_of(const std::string& folder);

// The one GGUF model of a folder, for a split one its first part present; "" where there is none.
// Vision towers ("mmproj") and importance matrices ("imatrix") beside it do not count. Throws Error
// where there are several.
std::string gguf_of(const std::string& folder);

// Throws the Error that names the folder's content instead of a model: an adapter, the layout of
// Mistral's or Meta's own programs, another program's weights.
[[noreturn]] void refuse_folder(const std::string& folder);

}  // namespace strata::source
